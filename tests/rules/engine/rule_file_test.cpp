#include "rules/engine/rule_file.h"

#include "tests/support/bad_files.h"

namespace chiron::rules {
namespace {

const testing::BadFiles kBad("tests/rules/engine/bad");

class BadRuleFile : public ::testing::TestWithParam<std::string> {};

TEST_P(BadRuleFile, HasEveryFaultWithItsPlace) {
  kBad.check(GetParam(), [](const std::string& file, const std::string& text, DiagnosticSink& sink) {
    parse_rule_file(file, text, sink);
  });
}
INSTANTIATE_TEST_SUITE_P(All, BadRuleFile, ::testing::ValuesIn(kBad.names()), testing::BadFiles::test_name);

TEST(RuleFile, ReadsEveryField) {
  DiagnosticSink sink;
  const std::vector<GroupSpec> groups = parse_rule_file("x.rules.yml", R"(
groups:
  - name: host
    interval: 30s
    limit: 5
    query_offset: 10s
    labels: {team: web}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {origin: '{{ not a template'}
      - alert: HostDown
        expr: |
          up
            == 0
        for: 5m
        keep_firing_for: 1h30m
        labels: {severity: critical, n: 1}
        annotations:
          summary: '{{ $labels.instance }} is down'
)",
                                                        sink);
  ASSERT_TRUE(sink.ok()) << to_text(sink.all().front());
  ASSERT_EQ(groups.size(), 1U);
  const GroupSpec& group = groups[0];
  EXPECT_EQ(group.name, "host");
  EXPECT_EQ(group.file, "x.rules.yml");
  EXPECT_EQ(group.interval, std::chrono::seconds(30));
  EXPECT_EQ(group.limit, 5U);
  EXPECT_EQ(group.query_offset, std::chrono::seconds(10));
  EXPECT_THAT(group.labels, ::testing::ElementsAre(std::pair("team", "web")));
  ASSERT_EQ(group.rules.size(), 2U);
  EXPECT_EQ(group.rules[0].kind, RuleSpec::Kind::recording);
  EXPECT_EQ(group.rules[0].name, "job:up:sum");
  const RuleSpec& alert = group.rules[1];
  EXPECT_EQ(alert.kind, RuleSpec::Kind::alerting);
  EXPECT_EQ(alert.name, "HostDown");
  EXPECT_EQ(alert.expr_text, "up\n  == 0");
  ASSERT_NE(alert.expr, nullptr);
  EXPECT_EQ(alert.hold, std::chrono::minutes(5));
  EXPECT_EQ(alert.keep_firing_for, std::chrono::minutes(90));
  EXPECT_THAT(alert.labels, ::testing::ElementsAre(std::pair("severity", "critical"), std::pair("n", "1")));
  EXPECT_THAT(alert.annotations,
              ::testing::ElementsAre(std::pair("summary", "{{ $labels.instance }} is down")));
  EXPECT_EQ(alert.where.line, 12U);
}

TEST(RuleFile, TakesWhatPrometheusTakes) {
  for (const std::string_view text : {"", "groups:\n", "groups: []\n", "groups:\n  - name: a\n",
                                      "groups:\n  - {name: a, interval: 0s, rules: }\n"}) {
    DiagnosticSink sink;
    parse_rule_file("x", std::string(text), sink);
    EXPECT_TRUE(sink.ok()) << text << to_text(sink.all().front());
  }
}

TEST(RuleFile, NamesAreAnyUtf8) {
  DiagnosticSink sink;
  const std::vector<GroupSpec> groups = parse_rule_file("x", R"(
groups:
  - name: host
    labels: {team.name: web}
    rules:
      - record: my.metric
        expr: up
        labels: {l.x: y, größe: z}
      - alert: Down
        expr: up == 0
        labels: {sever-ity: critical}
        annotations: {0summary: down, __name__: x}
)",
                                                        sink);
  ASSERT_TRUE(sink.ok()) << to_text(sink.all().front());
  EXPECT_EQ(groups.at(0).rules.at(0).name, "my.metric");
  EXPECT_THAT(groups[0].rules[0].labels,
              ::testing::ElementsAre(std::pair("l.x", "y"), std::pair("größe", "z")));
}

TEST(RuleFile, TellsGroupRuleAndField) {
  DiagnosticSink sink;
  parse_rule_file("x", "groups:\n- name: host\n  rules:\n  - {alert: Down, expr: up ==}\n", sink);
  ASSERT_EQ(sink.all().size(), 1U);
  EXPECT_THAT(sink.all()[0].path, ::testing::ElementsAre("host", "Down", "expr"));
}

TEST(RuleFile, SurvivesEveryTruncation) {
  const std::string text = kBad.text("ten-mistakes.rules.yml");
  for (std::size_t size = 0; size < text.size(); ++size) {
    DiagnosticSink sink;
    parse_rule_file("x", text.substr(0, size), sink);
  }
}

TEST(RuleFile, ExperimentalPartsOfPromqlHaveToBeEnabled) {
  const std::string text = "groups:\n- name: host\n  rules:\n  - {record: a, expr: 'limitk(1, up)'}\n";
  DiagnosticSink sink;
  parse_rule_file("x", text, sink);
  ASSERT_EQ(sink.errors(), 1u);
  EXPECT_EQ(
      sink.all().front().message,
      "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions");
  DiagnosticSink enabled;
  promql::Features features;
  features.experimental_functions = true;
  EXPECT_EQ(parse_rule_file("x", text, enabled, features).size(), 1u);
  EXPECT_TRUE(enabled.ok());
}

}  // namespace
}  // namespace chiron::rules
