#include "tests/remediation/engine/remediator_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_host.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation::testing {
namespace {

RemedySpec parsed(const std::string& text) {
  DiagnosticSink sink;
  std::vector<RemedySpec> all = parse_remedy_file("x.yml", text, sink);
  for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
  return all.empty() ? RemedySpec() : std::move(all.front());
}

const std::string kCheck = R"(
remedies:
  - name: health-check
    on: {schedule: {every: 5m}}
    steps: [health.check: {}]
)";
const std::string kAudit = R"(
remedies:
  - name: health-audit
    on: {schedule: {every: 6h}}
    steps:
      - health.check: {severity: critical}
      - report.write: {name: audit}
    on_failure: [report.write: {name: audit-failed}]
)";

/// Remedies in dry-run whose steps only read.
class OnlyReads : public RemediatorTest {
 protected:
  OnlyReads() {
    std::filesystem::create_directories(dir_ / "state");
    host_ = std::make_shared<chiron::testing::FakeHost>(dir_ / "state");
  }
  void begin(RemedySpec spec, std::function<void(std::string_view)> boundary = {}) {
    name_ = spec.name;
    Remediator::Options options;
    options.host = host_;
    options.boundary = std::move(boundary);
    clock_ = &fake_;
    start({std::move(spec)}, std::move(options));
    pass({});
    ASSERT_TRUE(eventually([this] { return remediator_->next_run(name_).has_value(); }));
  }
  void due(Duration after) {
    fake_.advance(after);
    pass({});
  }
  bool ends(const std::string& state, std::size_t times) {
    return eventually([&] { return history(state).size() == times && remediator_->active().empty(); });
  }

  chiron::testing::FakeClock fake_;
  std::shared_ptr<chiron::testing::FakeHost> host_;
  std::string name_;
};

TEST_F(OnlyReads, AreCarriedOutThoughInDryRun) {
  begin(parsed(kCheck));
  for (std::size_t i = 1; i <= 3; ++i) {
    due(5min);
    ASSERT_TRUE(ends("succeeded", i)) << i;
  }
  EXPECT_EQ(history("planned").size(), 0U);
  EXPECT_EQ(runs("succeeded", "health-check"), 3);
  EXPECT_EQ(remediator_->decision("health-check", "").reason, Suppression::none);
}

TEST_F(OnlyReads, AreCarriedOutUnderTheDryRunOfTheHostAndNotWhenItIsOff) {
  begin(parsed(kCheck));
  remediator_->set_limits({.deletion = {}, .gate = Gate::dry_run, .budget = {}});
  due(5min);
  ASSERT_TRUE(ends("succeeded", 1));
  remediator_->set_limits({.deletion = {}, .gate = Gate::off, .budget = {}});
  due(5min);
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
}

TEST_F(OnlyReads, LookInADryRunBesideStepsThatArePlanned) {
  begin(parsed(kAudit));
  due(6h);
  ASSERT_TRUE(ends("planned", 1));
  const RunRecord run = history("planned").front();
  ASSERT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.steps[0].outcome, "succeeded");
  EXPECT_EQ(run.steps[1].outcome, "planned");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "state/reports"));
}

TEST_F(OnlyReads, FailADryRunWhenTheyFindSomething) {
  host_->set_findings({{"disks", "/", "full"}});
  begin(parsed(kAudit));
  due(6h);
  ASSERT_TRUE(ends("failed", 1));
  const RunRecord run = history("failed").front();
  EXPECT_EQ(run.reason, "step 1 (health.check): unhealthy, 1 finding: disks /: full");
  ASSERT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.steps[1].outcome, "planned");
  EXPECT_EQ(run.steps[1].detail.find("on_failure: write a health report"), 0U) << run.steps[1].detail;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "state/reports"));
  EXPECT_EQ(log_.count("host unhealthy"), 1U);
}

TEST_F(OnlyReads, WriteTheReportOfAFailedAuditOnceArmed) {
  host_->set_findings({{"disks", "/", "full"}});
  RemedySpec audit = parsed(kAudit);
  audit.policy.mode = Mode::automatic;
  begin(std::move(audit));
  due(6h);
  ASSERT_TRUE(ends("failed", 1));
  std::size_t reports = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ / "state/reports"))
    reports += entry.path().filename().string().starts_with("audit-failed-") ? 1U : 0U;
  EXPECT_EQ(reports, 2U);
}

/// A check every few minutes is near every start.
TEST_F(OnlyReads, AreNotTakenForTheCauseOfABootLoop) {
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      begin(parsed(kCheck), [](std::string_view here) {
        if (here == "after action") ::kill(::getpid(), SIGKILL);
      });
      due(5min);
      [[maybe_unused]] const auto never = eventually([] { return false; });
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << i;
    fake_.advance(6min);
  }
  begin(parsed(kCheck));
  EXPECT_EQ(history("interrupted").size(), 3U);
  EXPECT_EQ(log_.count("boot loop"), 0U);
  EXPECT_FALSE(remediator_->paused("").has_value());
}

TEST_F(OnlyReads, TellOnceThatAListOfTargetsIsEmpty) {
  const std::string rolling = R"(
remedies:
  - name: rolling
    on: {schedule: {every: 12h}}
    targets: []
    steps: [container.rolling_restart: {containers: ['{{ $targets }}']}]
)";
  begin(parsed(rolling));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto before = remediator_->next_run(name_);
    due(12h);
    ASSERT_TRUE(eventually([&] { return remediator_->next_run(name_) != before; }));
  }
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(history().size(), 1U);
  EXPECT_EQ(history("suppressed").front().reason.find("absent: it acts on what its `targets` list"), 0U);
}

}  // namespace
}  // namespace chiron::remediation::testing
