#include "remediation/engine/remedy_check.h"

namespace chiron::remediation {
namespace {

constexpr std::string_view kRules = R"(
groups:
  - name: host
    rules:
      - alert: DiskFull
        expr: min by (mountpoint, device) (node_filesystem_avail_bytes) < 100
        labels: {severity: critical}
      - alert: CpuHigh
        expr: 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[15m])) > 0.9
        labels: {severity: warning}
      - alert: UnitFailed
        expr: node_systemd_unit_state{state="failed"} == 1
        labels: {severity: '{{ if_not_there }}'}
      - record: x
        expr: up
)";

std::vector<std::string> findings(const std::string& remedy) {
  DiagnosticSink ignored, sink;
  const auto groups = rules::parse_rule_file("r.yml", std::string(kRules), ignored);
  const auto remedies = parse_remedy_file(
      "x.yml", "remedies:\n  - name: a\n    steps: [disk.rescue: {path: /srv/backup}]\n" + remedy, sink);
  for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
  check_against_rules(remedies, groups, sink);
  std::vector<std::string> out;
  for (const Diagnostic& one : sink.all())
    out.push_back((one.severity == Severity::error ? "error " : "warning ") + one.code + ": " + one.message);
  return out;
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RemedyCheck, AcceptsWhatFits) {
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"DiskFull\"', 'severity=\"critical\"']}\n"
                       "    target: '{{ $labels.mountpoint }}'\n"),
              IsEmpty());
  // What labels a bare selector's series have is not known before there are samples.
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"UnitFailed\"', 'name=\"nginx.service\"']}\n"
                       "    target: '{{ $labels.name }}'\n"),
              IsEmpty());
}

TEST(RemedyCheck, WarnsOfARemedyThatNothingTriggers) {
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"DiskFul\"']}\n    target: x\n"),
              ElementsAre("warning no-rule: no alert of the rules can trigger a"));
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"DiskFull\"', 'severity=\"page\"']}\n    target: x\n"),
              ElementsAre(HasSubstr("no-rule")));
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"DiskFull\"', 'job=\"node\"']}\n    target: x\n"),
              ElementsAre(HasSubstr("no-rule")));
}

TEST(RemedyCheck, WarnsOfAScheduleThatNoWindowIsEverOpenFor) {
  const auto found = [](const std::string& schedule, const std::string& window) {
    return findings("    on: {schedule: {timezone: Europe/Paris, " + schedule +
                    "}}\n    policy: {window: " + window + "}\n");
  };
  const std::string office = "{days: mon-fri, from: '08:00', to: '18:00', timezone: Europe/Paris}";
  EXPECT_THAT(
      found("cron: '0 3 * * *'", office),
      ElementsAre("warning schedule-outside-window: its schedule, 0 3 * * * (Europe/Paris), asks for no "
                  "time at which a window is open: it never runs by it"));
  EXPECT_THAT(found("cron: '0 9 * * sun'", office), ElementsAre(HasSubstr("schedule-outside-window")));
  EXPECT_THAT(found("cron: '0 9 * * sun,mon'", office), IsEmpty());
  EXPECT_THAT(found("cron: '30 7 * * *', jitter: 1h", office), IsEmpty());
  EXPECT_THAT(found("cron: '0 3 * * *'", "[" + office + ", {from: '02:00', to: '04:00', timezone: UTC}]"),
              IsEmpty())
      << "in winter at 02:00 UTC";
  EXPECT_THAT(found("cron: '0 9 29 2 *'", office), IsEmpty()) << "in some years on a workday";
}

TEST(RemedyCheck, WarnsOfLabelsThatTheAlertLacks) {
  EXPECT_THAT(findings("    on: {alerts: ['alertname=\"DiskFull\"']}\n    target: '{{ $labels.name }}'\n"
                       "    verify: {expr: 'up{job=\"{{ $labels.job }}\"} == 1'}\n"),
              ElementsAre("warning label-not-produced: target: alerts of DiskFull have no label \"name\"",
                          "warning label-not-produced: verify: alerts of DiskFull have no label \"job\""));
}

TEST(RemedyCheck, RefusesVerificationThatCannotClearInTime) {
  const std::string remedy = "    on: {alerts: ['alertname=\"CpuHigh\"']}\n    target: x\n";
  EXPECT_THAT(
      findings(remedy),
      ElementsAre("error verify-too-short: CpuHigh looks back 15m, so it cannot clear within 1m however well "
                  "the remedy worked"));
  EXPECT_THAT(findings(remedy + "    verify: {within: 15m}\n"), IsEmpty());
  EXPECT_THAT(findings(remedy + "    verify: {expr: node_load1 < 5}\n"), IsEmpty());
}

TEST(RemedyCheck, WarnsOfAVerificationThatSaysNothing) {
  const std::string remedy =
      "    on: {alerts: ['alertname=\"DiskFull\"']}\n    target: x\n    verify: {expr: '";
  const auto found = [&](const std::string& expr) { return findings(remedy + expr + "'}\n"); };
  for (const char* always :
       {"1", "-(2)", "vector(0)", "up == 1 or vector(1)", "vector(1) * 2", "vector(1) == bool 2"})
    EXPECT_THAT(found(always), ElementsAre(HasSubstr("vacuous-verify: verify: it holds whatever"))) << always;
  EXPECT_THAT(found("0"), ElementsAre(HasSubstr("can never hold")));
  for (const char* present : {"up", "up == bool 1", "sum(up)", "rate(up[1m])", "up and up", "up / up", "-up",
                              "max_over_time((up == bool 1)[5m:])", "clamp_min(up, 0)"})
    EXPECT_THAT(found(present), ElementsAre(HasSubstr("as soon as there are samples"))) << present;
  for (const char* sound :
       {"up == 1", "sum(up == 1)", "absent(up == 0)", "up unless up", "1 < up", "scalar(up)",
        "scalar(up) == bool 1", "max_over_time((up > 0)[5m:])", "up and up == 1", "time() > bool 5",
        "vector(1) == 1", "vector(time()) > 5", "vector(1) and up == 1"})
    EXPECT_THAT(found(sound), IsEmpty()) << sound;
}

TEST(RemedyCheck, RefusesANameTwiceOverFiles) {
  const std::string text =
      "remedies:\n  - name: a\n    steps: [disk.rescue: {path: /srv/backup}]\n"
      "    on: {alerts: ['alertname=\"DiskFull\"']}\n    target: x\n";
  DiagnosticSink sink, ignored;
  std::vector<RemedySpec> remedies = parse_remedy_file("one.yml", text, sink);
  std::vector<RemedySpec> more = parse_remedy_file("two.yml", text, sink);
  remedies.insert(remedies.end(), more.begin(), more.end());
  check_against_rules(remedies, rules::parse_rule_file("r.yml", std::string(kRules), ignored), sink);
  ASSERT_EQ(sink.all().size(), 1U);
  EXPECT_EQ(sink.all()[0].code, "duplicate-remedy");
  EXPECT_EQ(sink.all()[0].file, "two.yml");
}

}  // namespace
}  // namespace chiron::remediation
