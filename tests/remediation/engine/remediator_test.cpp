#include "tests/remediation/engine/remediator_fixture.h"

#include <future>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::remedy;
using testing::Stage;

class Remediation : public testing::RemediatorTest {
 protected:
  void heals() {
    on_run([this](ActionContext&, Report& report, const std::string&) -> Status {
      holds_ = false;
      report.summary = "restarted";
      report.facts = {{"job_result", "done"}};
      report.freed_bytes = 100;
      report.removed_objects = 3;
      return {};
    });
  }
};

TEST_F(Remediation, AFiringAlertIsActedOnVerifiedAndRecorded) {
  heals();
  RemedySpec spec = remedy();
  spec.verify.within = 20s;
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("succeeded"); }));
  const RunRecord run = history("succeeded").front();
  EXPECT_EQ(run.remedy, "restart-web");
  EXPECT_EQ(run.target, "nginx.service");
  EXPECT_EQ(run.alertname, "WebDown");
  EXPECT_EQ(run.mode, "automatic");
  EXPECT_EQ(run.freed_bytes, 100u);
  ASSERT_EQ(run.steps.size(), 1u);
  EXPECT_EQ(run.steps[0].arguments, R"({"on":"nginx.service"})");
  EXPECT_EQ(run.steps[0].outcome, "succeeded");
  EXPECT_EQ(run.steps[0].detail, "restarted; job_result=done");
  EXPECT_EQ(runs("succeeded"), 1);
  EXPECT_EQ(counter("chiron_freed_bytes_total", {{"remedy", "restart-web"}}), 100);
  EXPECT_EQ(counter("chiron_removed_objects_total", {{"remedy", "restart-web"}}), 3);
  EXPECT_EQ(counter("chiron_action_runs_total", {{"action", "test.act"}, {"outcome", "succeeded"}}), 1);
  EXPECT_EQ(log_.count("run ended run=" + run.id), 1u);
}

TEST_F(Remediation, WhatDoesNotHelpIsIneffectiveAndCoolsDownOnceForAllEvaluations) {
  start({remedy()});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("ineffective"); }));
  for (int i = 0; i < 5; ++i) pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("suppressed"); }));
  pass({alert(), alert("apache.service", 2)});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 2; }));
  EXPECT_EQ(history("suppressed").size(), 1u);
  EXPECT_EQ(history("suppressed").front().reason.find("cooldown: ran "), 0u);
  EXPECT_EQ(suppressed("cooldown"), 1);
}

TEST_F(Remediation, AFailedStepEndsTheRunAndCountsForTheCooldown) {
  RemedySpec spec = remedy();
  spec.steps.push_back(spec.steps[0]);
  on_run([](ActionContext&, Report& report, const std::string&) -> Status {
    report.summary = "half of it";
    return Error(ErrorCode::unavailable, "the bus is gone");
  });
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("failed"); }));
  EXPECT_EQ(Stage::get().count(), 1u);
  EXPECT_EQ(history("failed").front().reason, "step 1 (test.act): the bus is gone (after: half of it)");
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::cooldown);
}

TEST_F(Remediation, ATargetThatIsLeftAloneIsASuppressedRunThatSpendsNothing) {
  RemedySpec spec = remedy();
  spec.policy = {.mode = Mode::automatic, .cooldown = 0s, .budget_runs = 1, .budget_per = 2h};
  spec.policy.breaker = BreakerSpec{.failures = 1, .reopen_after = 1h};
  spec.on_failure = spec.steps;
  Remediator::Options options;
  options.limits.budget = {.runs = 1, .per = 1h};
  start({spec}, std::move(options));
  on_run([](ActionContext&, Report& report, const std::string&) -> Status {
    report.left_alone = true;
    return Error(ErrorCode::failed_precondition, "somebody stopped it");
  });
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("suppressed"); }));
  EXPECT_EQ(history("suppressed").front().reason, "left_alone: step 1 (test.act): somebody stopped it");
  EXPECT_EQ(history("suppressed").front().steps.front().outcome, "left_alone");
  EXPECT_EQ(suppressed("left_alone"), 1);
  EXPECT_EQ(runs("failed"), 0);
  // Without a budget to end it, it would look again in every pass.
  for (int i = 0; i < 3; ++i) pass({alert()});
  ASSERT_TRUE(eventually([this] { return suppressed("cooldown") == 1; }));
  EXPECT_EQ(Stage::get().count(), 1);
  // Another target has the host's budget still.
  on_run(nullptr);
  pass({alert("other.service", 2)});
  ASSERT_TRUE(eventually([this] { return !history("ineffective").empty(); }));
}

TEST_F(Remediation, AnActionThatThrowsIsAFailedStep) {
  on_run([](ActionContext&, Report&, const std::string&) -> Status { throw std::runtime_error("boom"); });
  start({remedy()});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("failed"); }));
  EXPECT_NE(history("failed").front().reason.find("boom"), std::string::npos);
}

TEST_F(Remediation, AMistakeInALaterStepKeepsTheFirstFromRunning) {
  RemedySpec spec = remedy();
  spec.steps.push_back({&testing::kFake, {{"nonsense", testing::text("x")}}, {}});
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("failed"); }));
  EXPECT_EQ(Stage::get().count(), 0u);
}

TEST_F(Remediation, WhatComesFromLabelsIsActedOnOnlyWhenAllowed) {
  start({remedy()});
  const std::vector<std::string> hostile = {"../../etc/x.service",    "sshd.service",   "dbus.service",
                                            "systemd-logind.service", "chiron.service", "--now.service",
                                            "a\nb.service",           "/etc/passwd",    ""};
  std::uint64_t fingerprint = 100;
  std::vector<rules::Alert> alerts;
  for (const std::string& name : hostile) alerts.push_back(alert(name, fingerprint++));
  pass(alerts);
  ASSERT_TRUE(eventually([&] { return history("suppressed").size() == hostile.size(); }));
  EXPECT_EQ(Stage::get().count(), 0u);
  EXPECT_EQ(suppressed("target_denied"), 4);
  EXPECT_EQ(suppressed("target_not_allowed"), 5);
}

TEST_F(Remediation, WithoutAnAllowListNothingFromLabelsIsActedOn) {
  RemedySpec by_target = remedy("by-target");
  by_target.targets.reset();
  RemedySpec by_step = remedy("by-step");
  by_step.targets.reset();
  by_step.target = *rules::Template::compile("everything");
  by_step.steps[0].arguments = {{"on", testing::text("{{ $labels.name }}")}};
  start({by_target, by_step});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return history("suppressed").size() == 2; }));
  EXPECT_EQ(suppressed("target_not_allowed", "by-target"), 1);
  EXPECT_EQ(suppressed("target_not_allowed", "by-step"), 1);
  EXPECT_EQ(Stage::get().count(), 0u);
}

TEST_F(Remediation, AHeldAlertAPendingOneAndOneThatIsOverStartNothing) {
  start({remedy()});
  rules::Alert held = alert("a.service", 1);
  held.held = true;
  rules::Alert pending = alert("b.service", 2);
  pending.state = rules::AlertState::pending;
  pass({held, pending});
  ASSERT_TRUE(eventually([&] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(suppressed("held"), 1);
  holds_ = false;
  // Looked at in order: when the second is told, the first has been passed over.
  rules::Alert also_held = alert("e.service", 5);
  also_held.held = true;
  pass({alert("c.service", 3), also_held});
  ASSERT_TRUE(eventually([&] { return suppressed("held") == 2; }));
  holds_ = true;
  pass({alert("d.service", 4)});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() >= 1; }));
  EXPECT_EQ(Stage::get().ran.front(), "d.service");
}

TEST_F(Remediation, ARunAtWorkShowsFromItsFirstStepToTheEndOfItsVerification) {
  const auto at_work = [&] {
    return metrics_
        ->gauge("chiron_remedy_active", "", {{"remedy", "restart-web"}, {"target", "nginx.service"}})
        .value();
  };
  std::promise<void> go;
  on_run([&, wait = go.get_future().share()](ActionContext&, Report&, const std::string&) -> Status {
    wait.wait();
    return {};
  });
  RemedySpec spec = remedy();
  spec.verify.within = 1h;
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
  EXPECT_EQ(at_work(), 1);
  go.set_value();
  ASSERT_TRUE(eventually([&] {
    const std::vector<RunRecord> active = remediator_->active();
    return active.size() == 1 && active.front().state == RunState::verifying;
  }));
  EXPECT_EQ(at_work(), 1);
  holds_ = false;
  frame();
  ASSERT_TRUE(eventually([&] { return ended("succeeded"); }));
  EXPECT_TRUE(eventually([&] { return at_work() == 0; }));
}

TEST_F(Remediation, ABudgetThatIsUsedUpShowsAsExhaustedWhileTheAlertAsks) {
  RemedySpec spec = remedy();
  spec.policy.cooldown = 0s;
  spec.policy.budget_runs = 2;
  start({spec});
  const auto exhausted = [&] {
    return metrics_
        ->gauge("chiron_remedy_exhausted", "", {{"remedy", "restart-web"}, {"target", "nginx.service"}})
        .value();
  };
  for (std::size_t i = 1; i <= 2; ++i) {
    pass({alert()});
    ASSERT_TRUE(
        eventually([&] { return history("ineffective").size() == i && remediator_->active().empty(); }));
    EXPECT_EQ(exhausted(), 0);
  }
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return exhausted() == 1; }));
  EXPECT_EQ(Stage::get().count(), 2u);
  EXPECT_EQ(suppressed("budget"), 1);
  pass({});
  ASSERT_TRUE(eventually([&] { return exhausted() == 0; }));
}

TEST_F(Remediation, AnAlertFromBeforeTheRunEndedStartsNoOther) {
  RemedySpec spec = remedy();
  spec.policy.cooldown = 0s;
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("ineffective"); }));
  // No frame since: what fires is what was seen before.
  const std::vector<rules::Alert> stale{alert()};
  remediator_->consider(stale);
  pass({alert("other.service", 2)});
  ASSERT_TRUE(eventually([&] { return history("ineffective").size() == 2; }));
  EXPECT_EQ(Stage::get().ran.back(), "other.service");
}

TEST_F(Remediation, InDryRunItSaysOnceWhatItWouldDo) {
  RemedySpec spec = remedy();
  spec.policy.mode = Mode::dry_run;
  start({spec});
  for (int i = 0; i < 5; ++i) pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("planned") && !history("planned").front().steps.empty(); }));
  pass({alert("marker.service", 7)});
  ASSERT_TRUE(eventually([&] { return history("planned").size() == 2 && remediator_->active().empty(); }));
  // Resolved and back within the cooldown: told already.
  pass({});
  pass({alert()});
  pass({alert("marker2.service", 8)});
  ASSERT_TRUE(eventually([&] { return history("planned").size() == 3; }));
  const RunRecord run = history("planned").back();
  EXPECT_EQ(run.mode, "dry-run");
  EXPECT_EQ(run.reason, "dry_run: would free 4.0 KiB");
  ASSERT_EQ(run.steps.size(), 1u);
  EXPECT_EQ(run.steps[0].outcome, "planned");
  EXPECT_EQ(run.steps[0].detail, "would act on nginx.service");
  ASSERT_TRUE(eventually([&] { return suppressed("dry_run") == 3; }));
  EXPECT_EQ(Stage::get().count(), 0u);
  // Nothing is healed: no page may be held back for it.
  Frame frame;
  metrics_->collect(frame);
  for (const FrameEntry& entry : frame.entries()) {
    EXPECT_NE(catalogue_->labels(entry.id).get(kMetricName), "chiron_remedy_active");
  }
}

TEST_F(Remediation, ADryRunIsUnderWayUntilEveryStepIsPlanned) {
  RemedySpec spec = remedy();
  spec.steps.push_back(spec.steps.front());
  start({spec});
  std::atomic<bool> go{false};
  std::atomic<int> plans{0};
  const auto set_plan = [](std::function<void()> plan) {
    const std::lock_guard lock(Stage::get().mutex);
    Stage::get().plan = std::move(plan);
  };
  set_plan([&] {
    while (++plans > 1 && !go) std::this_thread::sleep_for(1ms);
  });
  RunRequest request;
  request.remedy = "restart-web";
  request.target = "nginx.service";
  request.trigger = "manual";
  request.dry_run = true;
  const Result<std::string> id = remediator_->request(request, false);
  ASSERT_TRUE(id.ok()) << id.error().to_string();
  ASSERT_TRUE(eventually([&] { return (*ledger_->run(*id))->steps.size() == 1; }));
  EXPECT_FALSE(is_final((*ledger_->run(*id))->state)) << "its second step is not planned yet";
  EXPECT_FALSE((*ledger_->run(*id))->finished.has_value());
  go = true;
  ASSERT_TRUE(eventually([&] { return is_final((*ledger_->run(*id))->state); }));
  RunRecord run = **ledger_->run(*id);
  EXPECT_EQ(run.state, RunState::planned);
  ASSERT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.steps[1].detail, "would act on nginx.service");
  EXPECT_EQ(Stage::get().count(), 0U);

  ASSERT_TRUE(eventually([this] { return remediator_->active().empty(); }));
  set_plan([] { throw std::runtime_error("no such thing"); });
  const Result<std::string> faulty = remediator_->request(request, false);
  ASSERT_TRUE(faulty.ok()) << faulty.error().to_string();
  ASSERT_TRUE(eventually([&] { return is_final((*ledger_->run(*faulty))->state); }));
  run = **ledger_->run(*faulty);
  EXPECT_EQ(run.state, RunState::planned);
  EXPECT_EQ(run.reason.find("dry_run: would fail: step 1 (test.act): cannot plan: "), 0U) << run.reason;
  EXPECT_EQ(run.steps.front().outcome, "failed");
}

TEST_F(Remediation, EverySeriesIsThereAtZero) {
  start({remedy()});
  std::set<std::string> present;
  Frame frame;
  metrics_->collect(frame);
  for (const FrameEntry& entry : frame.entries()) {
    if (entry.value == 0) present.insert(catalogue_->labels(entry.id).to_string());
  }
  for (const char* outcome :
       {"succeeded", "ineffective", "failed", "timed_out", "cancelled", "interrupted"}) {
    EXPECT_TRUE(present.contains(
        fmt::format("chiron_remedy_runs_total{{outcome=\"{}\", remedy=\"restart-web\"}}", outcome)))
        << outcome;
  }
  for (const Suppression reason : all_suppressions()) {
    EXPECT_TRUE(present.contains(fmt::format(
        "chiron_remedy_suppressed_total{{reason=\"{}\", remedy=\"restart-web\"}}", to_string(reason))));
  }
  EXPECT_TRUE(present.contains("chiron_remedy_last_run_timestamp_seconds{remedy=\"restart-web\"}"));
  EXPECT_TRUE(present.contains("chiron_action_runs_total{action=\"test.act\", outcome=\"timed_out\"}"));
  EXPECT_TRUE(present.contains("chiron_runs_active"));
}

TEST_F(Remediation, AnExpressionVerifiesOnFramesAfterTheActionOnly) {
  RemedySpec spec = remedy();
  spec.verify.expr = *rules::Template::compile("up{name=\"{{ $target }}\"} == 1");
  spec.verify.within = 20s;
  start({spec});
  frames_ = false;
  const SeriesId up = catalogue_->unpublished({{"__name__", "up"}, {"name", "nginx.service"}});
  const StreamId stream = store_->add_stream();
  const auto sample = [&](TimestampMs t, double value) {
    const FrameEntry entry{up, value};
    store_->append(stream, t, std::span(&entry, 1));
  };
  sample(1000, 1);
  pass({alert()});
  ASSERT_TRUE(eventually([&] {
    const auto active = remediator_->active();
    return !active.empty() && active.front().state == RunState::verifying;
  }));
  // The sample is there, and healthy, but nobody knows that it was taken after the action. Who asks for a
  // second frame has found nothing to go by until then.
  ASSERT_TRUE(eventually([&] { return asked_ >= 2; }));
  EXPECT_FALSE(remediator_->active().empty());
  sample(2000, 0);
  remediator_->frame_done(system_clock().boot());
  sample(3000, 1);
  remediator_->frame_done(system_clock().boot());
  ASSERT_TRUE(eventually([&] { return ended("succeeded"); }));
}

TEST_F(Remediation, AScalarThatIsMissingVerifiesNothing) {
  RemedySpec spec = remedy();
  spec.verify.expr = *rules::Template::compile("scalar(no_such_series)");
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("ineffective") || ended("succeeded"); }));
  EXPECT_EQ(history().front().state, RunState::ineffective);
}

TEST_F(Remediation, AnAlertThatNobodyCanTellStillHoldsStartsNothing) {
  start({remedy()});
  rule_gone_ = true;
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return !history("suppressed").empty() || Stage::get().count() > 0; }));
  EXPECT_EQ(Stage::get().count(), 0u);
  EXPECT_EQ(suppressed("held"), 1);
  EXPECT_NE(history("suppressed").front().reason.find("not loaded any more"), std::string::npos);
  rule_gone_ = false;
  pass({alert()});
  EXPECT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

TEST_F(Remediation, WhatAStepReadsFromLabelsIsHeldAgainstTheAllowListToo) {
  RemedySpec spec = remedy();
  spec.target = *rules::Template::compile("web.service");
  spec.steps[0].arguments = {{"on", testing::text("{{ $labels.name }}")}};
  start({spec});
  pass({alert("secret.txt", 1), alert("../x.service", 2), alert("sshd.service", 3)});
  ASSERT_TRUE(eventually([&] { return history("suppressed").size() == 3 || Stage::get().count() > 0; }));
  EXPECT_EQ(Stage::get().count(), 0u);
  EXPECT_EQ(suppressed("target_not_allowed"), 2);
  EXPECT_EQ(suppressed("target_denied"), 1);
  pass({alert("nginx.service", 4)});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
  EXPECT_EQ(Stage::get().ran.back(), "nginx.service");
}

}  // namespace
}  // namespace chiron::remediation
