#include "tests/remediation/engine/remediator_fixture.h"

#include <sqlite3.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::remedy;
using testing::Stage;

/// Holds actions until the test lets them go.
class Turnstile {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

class Operation : public testing::RemediatorTest {
 protected:
  void TearDown() override {
    gate_->open();
    RemediatorTest::TearDown();
  }
  /// Hangs as a system call does: deaf to cancellation.
  void hangs() {
    on_run([gate = gate_](ActionContext&, Report&, const std::string&) -> Status {
      gate->wait();
      return {};
    });
  }
  void waits_for_cancel() {
    on_run([](ActionContext& context, Report&, const std::string&) -> Status {
      if (context.cancel.wait_for(20s)) return Error(ErrorCode::cancelled, "cancelled");
      return {};
    });
  }
  RunRequest by_hand(std::string target = "nginx.service") {
    return {.remedy = "restart-web",
            .target = std::move(target),
            .trigger = "manual",
            .requested_by = "alice",
            .alert = std::nullopt,
            .dry_run = false};
  }
  static ArgumentValue list(std::vector<std::string> texts) {
    ArgumentValue value;
    value.shape = ArgumentValue::Shape::list;
    value.texts = std::move(texts);
    return value;
  }
  const std::shared_ptr<Turnstile> gate_ = std::make_shared<Turnstile>();
};

TEST_F(Operation, AStepThatHangsIsLeftBehindAndItsTargetLeftAloneUntilItReturns) {
  hangs();
  RemedySpec spec = remedy("restart-web", &testing::kShort);
  spec.policy.cooldown = 0s;
  Remediator::Options options;
  options.grace = 50ms;
  start({spec}, options);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("timed_out"); }));
  EXPECT_EQ(runs("timed_out"), 1);
  for (int i = 0; i < 3; ++i) pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("suppressed"); }));
  EXPECT_EQ(suppressed("in_progress"), 1);
  ASSERT_TRUE(eventually([] { return Stage::get().count() == 1; }));
  on_run(nullptr);
  gate_->open();
  ASSERT_TRUE(eventually([&] {
    pass({alert()});
    return Stage::get().count() == 2;
  }));
}

TEST_F(Operation, TheTimeoutOfAStepIsItsDeadline) {
  std::atomic<Duration::rep> remaining{0};
  on_run([&](ActionContext& context, Report&, const std::string&) -> Status {
    remaining = context.remaining().count();
    return {};
  });
  RemedySpec spec = remedy();
  spec.steps[0].arguments.push_back({"timeout", testing::text("90s")});
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1 && remaining != 0; }));
  EXPECT_GT(Duration(remaining), 60s);
  EXPECT_LE(Duration(remaining), 90s);
}

TEST_F(Operation, OneRunPerTargetAcrossRemedies) {
  waits_for_cancel();
  start({remedy("restart-web"), remedy("other")});
  pass({alert()});
  ASSERT_TRUE(
      eventually([&] { return suppressed("in_progress", "other") == 1 && Stage::get().count() == 1; }));
  pass({alert()});
  pass({alert()});
  EXPECT_EQ(remediator_->active().size(), 1u);
  EXPECT_EQ(remediator_->active().front().remedy, "restart-web");
  EXPECT_TRUE(remediator_->cancel(remediator_->active().front().id));
  ASSERT_TRUE(eventually([&] { return !history("cancelled").empty(); }));
  EXPECT_FALSE(remediator_->cancel("20200101T000000-0000"));
}

TEST_F(Operation, WithAllWorkersTakenTheRestWaitsForItsTurn) {
  waits_for_cancel();
  Remediator::Options options;
  options.workers = 1;
  start({remedy()}, options);
  pass({alert("a.service", 1), alert("b.service", 2)});
  ASSERT_TRUE(eventually([&] { return remediator_->active().size() == 1 && Stage::get().count() == 1; }));
  EXPECT_FALSE(remediator_->request(by_hand("c.service")).ok());
  on_run(nullptr);
  EXPECT_TRUE(remediator_->cancel(remediator_->active().front().id));
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 2; }));
  EXPECT_EQ(Stage::get().ran.back(), "b.service");
}

TEST_F(Operation, StoppingMarksWhatHasNotEndedEvenWhatIsDeaf) {
  hangs();
  start({remedy()});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
  const BootTime before = system_clock().boot();
  remediator_->stop(1s);
  EXPECT_LT(system_clock().boot() - before, 20s);
  const auto run = history("interrupted");
  ASSERT_EQ(run.size(), 1u);
  EXPECT_EQ(run[0].reason.find("the agent stopped: "), 0u) << run[0].reason;
  EXPECT_EQ(run[0].steps[0].outcome, "cancelled");
  pass({alert("b.service", 2)});
  EXPECT_FALSE(remediator_->request(by_hand("c.service")).ok());
  EXPECT_EQ(Stage::get().count(), 1u);
}

TEST_F(Operation, WhatCannotBeRecordedIsNotRun) {
  start({remedy()});
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "state/ledger.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("ledger") == 1; }));
  EXPECT_EQ(Stage::get().count(), 0u);
  ASSERT_EQ(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

TEST_F(Operation, APauseHoldsOverARestartUntilResumed) {
  start({remedy()});
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  EXPECT_EQ(remediator_->pause("restart-wbe", std::nullopt).error().to_string(),
            "there is no remedy restart-wbe; did you mean restart-web?");
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("paused") == 1; }));
  restart({remedy()});
  EXPECT_EQ(metrics_->gauge("chiron_remedies_paused", "").value(), 1);
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  ASSERT_TRUE(remediator_->resume("").ok());
  EXPECT_EQ(metrics_->gauge("chiron_remedies_paused", "").value(), 0);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

TEST_F(Operation, APauseLetsAStepFinishAndBeginsNoOther) {
  hangs();
  RemedySpec spec = remedy();
  spec.steps.push_back(spec.steps.front());
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
  ASSERT_TRUE(remediator_->pause("restart-web", std::nullopt).ok());
  gate_->open();
  ASSERT_TRUE(eventually([&] { return ended("cancelled"); }));
  const RunRecord run = history("cancelled").front();
  EXPECT_EQ(run.reason, "paused before step 2");
  ASSERT_EQ(run.steps.size(), 1u);
  EXPECT_EQ(run.steps.front().outcome, "succeeded");
}

TEST_F(Operation, APauseStopsAtOnceWhatCanBeStoppedCleanly) {
  waits_for_cancel();
  start({remedy("restart-web", &testing::kStoppable), remedy("other")});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
  ASSERT_TRUE(remediator_->pause("other", std::nullopt).ok());
  EXPECT_EQ(remediator_->active().size(), 1u) << "not its remedy";
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  ASSERT_TRUE(eventually([&] { return ended("cancelled"); }));
  EXPECT_EQ(history("cancelled").front().reason, "paused: step 1 (test.stoppable): cancelled");
}

TEST_F(Operation, APauseLetsTheVerificationOfWhatWasDoneEnd) {
  frames_ = false;
  RemedySpec spec = remedy("restart-web", &testing::kStoppable);
  spec.verify.within = 20s;
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return !history("verifying").empty(); }));
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  holds_ = false;
  frames_ = true;
  frame();
  EXPECT_TRUE(eventually([&] { return ended("succeeded"); }));
}

TEST_F(Operation, PausesThatCannotBeReadPauseEverything) {
  start({remedy()});
  ASSERT_TRUE(ledger_->put("pauses", "{broken").ok());
  restart({remedy()});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  EXPECT_EQ(log_.count("pauses lost"), 1u);
}

TEST_F(Operation, ADamagedLedgerPausesEverythingUntilResumed) {
  start({remedy()});
  ASSERT_TRUE(remediator_->pause("restart-web", std::nullopt).ok());
  end();
  for (const char* name : {"state/ledger.db", "state/ledger.db-wal", "state/ledger.db-shm"})
    dir_.write(name, std::string(10'000, 'j'));
  start({remedy(), remedy("other")});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  EXPECT_EQ(remediator_->decision("other", "nginx.service").reason, Suppression::paused);
  restart({remedy()});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::paused);
  ASSERT_TRUE(remediator_->resume("").ok());
  restart({remedy()});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::none);
}

TEST_F(Operation, CooldownAndBudgetSurviveARestart) {
  start({remedy()});
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return ended("ineffective"); }));
  restart({remedy()});
  EXPECT_EQ(remediator_->decision("restart-web", "nginx.service").reason, Suppression::cooldown);
  EXPECT_EQ(remediator_->decision("restart-web", "apache.service").reason, Suppression::none);
}

TEST_F(Operation, ARequestByHandHoldsToThePolicyUnlessForced) {
  RemedySpec spec = remedy();
  spec.policy.mode = Mode::dry_run;
  start({spec});
  const Result<std::string> first = remediator_->request(by_hand());
  ASSERT_TRUE(first.ok()) << first.error().to_string();
  ASSERT_TRUE(eventually([&] { return ended("succeeded"); }));
  const RunRecord run = history("succeeded").front();
  EXPECT_EQ(run.id, *first);
  EXPECT_EQ(run.trigger, "manual");
  EXPECT_EQ(run.requested_by, "alice");
  EXPECT_EQ(run.reason, "nothing to verify");
  const Result<std::string> second = remediator_->request(by_hand());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().to_string().find("cooldown: "), 0u) << second.error().to_string();
  EXPECT_TRUE(remediator_->request(by_hand(), true).ok());
  EXPECT_EQ(remediator_->request(by_hand("sshd.service"), true).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(remediator_->request(by_hand(""), true).error().code(), ErrorCode::permission_denied);
  RunRequest unknown = by_hand();
  unknown.remedy = "restart-we";
  EXPECT_EQ(remediator_->request(unknown).error().code(), ErrorCode::not_found);
}

TEST_F(Operation, InGlobalDryRunNothingActs) {
  Remediator::Options options;
  options.limits.gate = Gate::dry_run;
  start({remedy()}, options);
  pass({alert()});
  ASSERT_TRUE(remediator_->request(by_hand("b.service"), true).ok());
  ASSERT_TRUE(eventually([&] { return history("planned").size() == 2 && remediator_->active().empty(); }));
  EXPECT_EQ(Stage::get().count(), 0u);
}

TEST_F(Operation, AReloadTurnsGlobalDryRunOnAndOff) {
  start({remedy()});
  remediator_->set_limits({.deletion = {}, .gate = Gate::dry_run, .budget = {}});
  ASSERT_TRUE(remediator_->request(by_hand("b.service"), true).ok());
  ASSERT_TRUE(eventually([&] { return history("planned").size() == 1 && remediator_->active().empty(); }));
  EXPECT_EQ(Stage::get().count(), 0u);
  remediator_->set_limits({});
  ASSERT_TRUE(remediator_->request(by_hand("b.service"), true).ok());
  EXPECT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

TEST_F(Operation, ResumingAllEndsThePausesOfSingleRemediesToo) {
  start({remedy()});
  ASSERT_TRUE(remediator_->pause("restart-web", std::nullopt).ok());
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  EXPECT_TRUE(remediator_->paused("").has_value());
  ASSERT_TRUE(remediator_->resume("").ok());
  EXPECT_FALSE(remediator_->paused("restart-web").has_value());
}

TEST_F(Operation, APlanSaysWhatWouldBeDoneAndWhetherItMay) {
  start({remedy()});
  const Result<RemedyPlan> plan = remediator_->plan("restart-web", "nginx.service");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->decision.reason, Suppression::none);
  ASSERT_EQ(plan->steps.size(), 1u);
  ASSERT_TRUE(plan->steps[0].plan.ok());
  EXPECT_EQ(plan->steps[0].plan->summary, "would act on nginx.service");
  EXPECT_EQ(remediator_->plan("restart-web", "sshd.service")->decision.reason, Suppression::target_denied);
  EXPECT_FALSE(remediator_->plan("nope", "x").ok());
  EXPECT_TRUE(history().empty());
}

TEST_F(Operation, AnActionByHandIsRecordedWithoutARemedy) {
  start({remedy()});
  ArgumentValue argv;
  argv.shape = ArgumentValue::Shape::list;
  argv.texts = {"/bin/echo", "{{ not a template }}"};
  ArgumentValue environment;
  environment.shape = ArgumentValue::Shape::pairs;
  environment.pairs = {{"TOKEN", "secret"}};
  const Result<std::string> id =
      remediator_->run_action("command.run", {{"argv", argv}, {"environment", environment}}, "alice");
  ASSERT_TRUE(id.ok()) << id.error().to_string();
  ASSERT_TRUE(eventually([&] { return ended("succeeded"); }));
  const RunRecord run = **ledger_->run(*id);
  EXPECT_EQ(run.remedy, "");
  EXPECT_EQ(run.target, "command.run");
  EXPECT_EQ(run.requested_by, "alice");
  EXPECT_EQ(run.steps.at(0).arguments,
            R"x({"argv":["/bin/echo","{{ not a template }}"],"environment":{"TOKEN":"(not recorded)"}})x");
  EXPECT_EQ(counter("chiron_action_runs_total", {{"action", "command.run"}, {"outcome", "succeeded"}}), 1);
  argv.texts = {};
  EXPECT_FALSE(remediator_->run_action("command.run", {{"argv", argv}}, "alice").ok());
  EXPECT_EQ(remediator_->run_action("service.restart", {{"unit", testing::text("sshd.service")}}, "alice")
                .error()
                .code(),
            ErrorCode::permission_denied);
  EXPECT_TRUE(remediator_->plan_action("command.run", {{"argv", testing::text("x")}}).error().code() ==
              ErrorCode::invalid_argument);
}

TEST_F(Operation, AnActionByHandIsAboutTheArgumentThatItRequires) {
  start({remedy()});
  const Result<std::string> id = remediator_->run_action("cache.prune",
                                                         {{"batch", testing::text("100")},
                                                          {"idle", testing::text("1d")},
                                                          {"patterns", list({"x:*"})},
                                                          {"server", testing::text(dir_ / "no-such.sock")}},
                                                         "alice");
  ASSERT_TRUE(id.ok()) << id.error().to_string();
  EXPECT_EQ((**ledger_->run(*id)).target, dir_ / "no-such.sock");
}

TEST_F(Operation, AHungPlanIsNotPlannedAgainUntilItReturns) {
  testing::Stage::get().plan = [gate = gate_] { gate->wait(); };
  Remediator::Options options;
  options.grace = 1ms;
  RemedySpec spec = remedy("restart-web", &testing::kShort);
  start({spec}, options);
  EXPECT_EQ(remediator_->plan("restart-web", "nginx.service")->steps[0].plan.error().code(),
            ErrorCode::timed_out);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(remediator_->plan("restart-web", "nginx.service")->steps[0].plan.error().code(),
              ErrorCode::failed_precondition);
  }
  EXPECT_TRUE(eventually([] {
    const std::lock_guard lock(Stage::get().mutex);
    return Stage::get().planned == 1;
  }));
}

TEST_F(Operation, AnUnknownActionByHandIsRefused) {
  start({remedy()});
  EXPECT_EQ(remediator_->run_action("no.such", {}, "alice").error().code(), ErrorCode::not_found);
  EXPECT_EQ(remediator_->plan_action("no.such", {}).error().code(), ErrorCode::not_found);
}

TEST(RunRequestJson, CarriesAllThatTheActingHalfIsTold) {
  RunRequest request{.remedy = "r",
                     .target = "t",
                     .trigger = "alert",
                     .requested_by = "",
                     .alert = alert(),
                     .dry_run = true};
  const std::string json = to_json(request);
  EXPECT_NE(json.find(R"("remedy":"r")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("labels":{"alertname":"WebDown","name":"nginx.service"})"), std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("fingerprint":"0000000000000001")"), std::string::npos) << json;
}

}  // namespace
}  // namespace chiron::remediation
