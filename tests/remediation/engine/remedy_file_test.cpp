#include "remediation/engine/remedy_file.h"

#include "remediation/actions/glob.h"
#include "tests/support/bad_files.h"

namespace chiron::remediation {
namespace {

const testing::BadFiles kBad("tests/remediation/engine/bad");

class BadRemedyFile : public ::testing::TestWithParam<std::string> {};

TEST_P(BadRemedyFile, HasEveryFaultWithItsPlace) {
  kBad.check(GetParam(), [](const std::string& file, const std::string& text, DiagnosticSink& sink) {
    parse_remedy_file(file, text, sink);
  });
}
INSTANTIATE_TEST_SUITE_P(All, BadRemedyFile, ::testing::ValuesIn(kBad.names()), testing::BadFiles::test_name);

std::vector<RemedySpec> parse(const std::string& text) {
  DiagnosticSink sink;
  std::vector<RemedySpec> out = parse_remedy_file("x.yml", text, sink);
  for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
  return out;
}

TEST(RemedyFile, ReadsEveryField) {
  const std::vector<RemedySpec> remedies = parse(R"(
remedies:
  - name: restart-web
    description: Restart it.
    on:
      alerts: ['alertname="WebDown"', 'severity=~"critical|page"']
    target: '{{ $labels.name }}'
    targets: ['nginx.service', 'web-*.service']
    steps:
      - disk.rescue: {stages: [journal], path: '{{ $target }}', timeout: 30s}
    verify:
      expr: 'node_systemd_unit_state{name="{{ $target }}",state="active"} == 1'
      within: 90s
    policy:
      mode: automatic
      cooldown: 10m
      budget: {runs: 2, per: 30m}
)");
  ASSERT_EQ(remedies.size(), 1U);
  const RemedySpec& one = remedies[0];
  EXPECT_EQ(one.name, "restart-web");
  EXPECT_EQ(one.description, "Restart it.");
  EXPECT_EQ(one.target.text(), "{{ $labels.name }}");
  ASSERT_TRUE(one.targets.has_value());
  ASSERT_EQ(one.steps.size(), 1U);
  ASSERT_NE(one.steps[0].action, nullptr);
  EXPECT_EQ(one.steps[0].action->name, "disk.rescue");
  ASSERT_EQ(one.steps[0].arguments.size(), 3U);
  EXPECT_EQ(one.steps[0].arguments[0].second.shape, ArgumentValue::Shape::list);
  EXPECT_EQ(one.steps[0].arguments[0].second.where.line, 10U);
  ASSERT_TRUE(one.verify.expr.has_value());
  EXPECT_EQ(one.verify.within, std::chrono::seconds(90));
  EXPECT_EQ(one.policy.mode, Mode::automatic);
  EXPECT_EQ(one.policy.cooldown, std::chrono::minutes(10));
  EXPECT_EQ(one.policy.budget_runs, 2);
  EXPECT_EQ(one.policy.budget_per, std::chrono::minutes(30));
  EXPECT_EQ(one.where.line, 3U);
}

constexpr std::string_view kRest = "\n    steps: [disk.rescue: {path: /srv/backup}]\n";

TEST(RemedyFile, IsDryRunUnlessItSaysOtherwise) {
  const auto remedies =
      parse("remedies:\n  - name: a\n    on: {alerts: [x=y]}\n    target: disk" + std::string(kRest));
  ASSERT_EQ(remedies.size(), 1U);
  EXPECT_EQ(remedies[0].policy.mode, Mode::dry_run);
  EXPECT_FALSE(remedies[0].verify.expr.has_value());
}

TEST(RemedyFile, ReadsWindows) {
  const auto windows = [](const std::string& text) {
    const auto remedies = parse(
        "remedies:\n  - name: a\n    on: {alerts: [x=y]}\n    target: disk\n    policy: {window: " + text +
        "}" + std::string(kRest));
    std::vector<std::string> all;
    for (const WindowSpec& one : remedies.at(0).policy.windows) all.push_back(to_string(one));
    return all;
  };
  using Windows = std::vector<std::string>;
  EXPECT_EQ(windows("{days: mon-fri, from: '08:00', to: '18:00', timezone: Europe/Paris}"),
            Windows{"mon-fri 08:00-18:00 (Europe/Paris)"});
  EXPECT_EQ(windows("{days: [Sat-mon, wed], from: 22:00, to: 6:30}"),
            Windows{"mon,wed,sat-sun 22:00-06:30 (Local)"});
  EXPECT_EQ(windows("[{days: sun}, {to: '06:00', timezone: UTC}]"),
            (Windows{"sun 00:00-24:00 (Local)", "daily 00:00-06:00 (UTC)"}));
}

TEST(RemedySpec, MatchesWhenAllOfOneListHold) {
  const auto all =
      parse("remedies:\n  - name: a\n    on: {alerts: ['a=\"1\"', 'b=~\"x|y\"']}\n    target: t" +
            std::string(kRest));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].matches({{"a", "1"}, {"b", "y"}}));
  EXPECT_FALSE(all[0].matches({{"a", "1"}, {"b", "z"}}));
  EXPECT_FALSE(all[0].matches({{"b", "x"}}));
  const auto any = parse(
      "remedies:\n  - name: a\n    on: {alerts: [['a=\"1\"'], ['b=\"2\"', 'c!=\"3\"']]}\n    target: t" +
      std::string(kRest));
  ASSERT_EQ(any.size(), 1U);
  EXPECT_TRUE(any[0].matches({{"a", "1"}}));
  EXPECT_TRUE(any[0].matches({{"b", "2"}}));
  EXPECT_FALSE(any[0].matches({{"b", "2"}, {"c", "3"}}));
}

TEST(RemedySpec, AllowsOnlyWhatIsListed) {
  const auto listed = parse(
      "remedies:\n  - name: a\n    on: {alerts: [x=y]}\n    target: '{{ $labels.n }}'\n"
      "    targets: [nginx.service, 'web-*.service']" +
      std::string(kRest));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_TRUE(listed[0].allows("nginx.service"));
  EXPECT_TRUE(listed[0].allows("web-1.service"));
  EXPECT_FALSE(listed[0].allows("sshd.service"));
  EXPECT_FALSE(listed[0].allows("../../etc"));
  EXPECT_FALSE(listed[0].allows(""));
  const auto bare = parse("remedies:\n  - name: a\n    on: {alerts: [x=y]}\n    target: '{{ $labels.n }}'" +
                          std::string(kRest));
  ASSERT_EQ(bare.size(), 1U);
  EXPECT_FALSE(bare[0].allows("nginx.service"));
  const auto literal =
      parse("remedies:\n  - name: a\n    on: {alerts: [x=y]}\n    target: /var" + std::string(kRest));
  ASSERT_EQ(literal.size(), 1U);
  EXPECT_TRUE(literal[0].allows("/var"));
  EXPECT_FALSE(literal[0].allows("/"));
}

TEST(RemedyFile, FillsAListWithTheTargets) {
  std::vector<RemedySpec> remedies = parse(R"(
remedies:
  - name: rolling
    on: {schedule: {every: 12h}}
    targets: [b, a]
    steps:
      - container.rolling_restart: {containers: ['{{ $targets }}'], pause: 1s}
)");
  ASSERT_EQ(remedies.size(), 1U);
  EXPECT_TRUE(remedies[0].lists_targets);
  ASSERT_TRUE(fill_in_targets(remedies[0]).ok());
  EXPECT_EQ(remedies[0].steps[0].arguments[0].second.texts, (std::vector<std::string>{"b", "a"}));
  remedies[0].steps[0].arguments[0].second.texts = {"{{ $targets }}"};
  remedies[0].targets = {"../etc"};
  EXPECT_FALSE(fill_in_targets(remedies[0]).ok()) << "no name of a container";
}

TEST(RemedyFile, KnowsWhatOnlyReads) {
  const auto remedies = parse(R"(
remedies:
  - name: a
    on: {schedule: {every: 5m}}
    steps: [health.check: {}, health.check: {checks: [disks]}]
  - name: b
    on: {schedule: {every: 5m}}
    steps: [health.check: {}]
    on_failure: [report.write: {}]
)");
  ASSERT_EQ(remedies.size(), 2U);
  EXPECT_TRUE(remedies[0].policy.only_reads);
  EXPECT_FALSE(remedies[1].policy.only_reads);
}

TEST(Glob, MatchesWholeNames) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*", "a/b"));
  EXPECT_TRUE(glob_match("web-*.service", "web-.service"));
  EXPECT_TRUE(glob_match("*a*b*c", "xaxxbbxc"));
  EXPECT_FALSE(glob_match("*a*b*c", "xaxxbbxcd"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_TRUE(glob_match("[a-c]1", "b1"));
  EXPECT_FALSE(glob_match("[!a-c]1", "b1"));
  EXPECT_TRUE(glob_match("[^a-c]1", "d1"));
  EXPECT_TRUE(glob_match("[]x]", "]"));
  EXPECT_TRUE(glob_match("[a-]", "-"));
  EXPECT_TRUE(glob_match("[ab", "[ab"));
  EXPECT_FALSE(glob_match("[ab", "a"));
  EXPECT_TRUE(glob_match("foo\\x2dbar", "foo\\x2dbar"));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_TRUE(glob_match("", ""));
  // Quadratic at worst: exponential backtracking would not end here.
  std::string stars;
  for (int i = 0; i < 50; ++i) stars += "*a";
  EXPECT_FALSE(glob_match(stars + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace chiron::remediation
