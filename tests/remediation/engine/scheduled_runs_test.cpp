#include "remediation/engine/target.h"
#include "tests/remediation/engine/remediator_fixture.h"
#include "tests/support/engine_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scripted_server.h"

namespace chiron::remediation::testing {
namespace {

RemedySpec scheduled(Duration every = 1h, std::string name = "clean-up") {
  RemedySpec spec = remedy(std::move(name));
  spec.alerts.clear();
  spec.targets.reset();
  spec.target = *rules::Template::compile(spec.name);
  spec.schedule.emplace().every = every;
  spec.policy = {.mode = Mode::automatic, .cooldown = 0s, .budget_runs = kNoBudget};
  return spec;
}

/// A ledger that keeps no more small facts, as a full disk would have it, or is not open yet.
class Unwilling final : public Ledger {
 public:
  explicit Unwilling(Ledger& ledger) : ledger_(ledger) {}
  std::atomic<bool> refuses{false};
  std::atomic<bool> closed{false};

  Result<std::vector<RunRecord>> recover(const MayGoOn& may_go_on) override {
    return ledger_.recover(may_go_on);
  }
  Result<std::string> begin(RunRecord run) override { return ledger_.begin(std::move(run)); }
  Status begin_approved(const RunRecord& run) override { return ledger_.begin_approved(run); }
  Status begin_step(std::string_view run, const StepRecord& step) override {
    return ledger_.begin_step(run, step);
  }
  Status end_step(std::string_view run, const StepRecord& step) override {
    return ledger_.end_step(run, step);
  }
  Status set_state(std::string_view run, RunState state, std::string_view reason) override {
    return ledger_.set_state(run, state, reason);
  }
  Status finish(std::string_view run, RunState state, std::string_view reason, std::uint64_t freed,
                std::uint64_t removed) override {
    return ledger_.finish(run, state, reason, freed, removed);
  }
  Result<std::vector<RunRecord>> history(const HistoryFilter& filter) override {
    return ledger_.history(filter);
  }
  Result<std::optional<RunRecord>> run(std::string_view id) override { return ledger_.run(id); }
  Status put(std::string_view key, std::string_view value) override {
    if (refuses) return Error(ErrorCode::exhausted, "the disk is full");
    return ledger_.put(key, value);
  }
  Result<std::string> get(std::string_view key) override { return closed ? std::string() : ledger_.get(key); }
  Status writable() override {
    if (closed) return Error(ErrorCode::exhausted, "the disk is full");
    return ledger_.writable();
  }

 private:
  Ledger& ledger_;
};

class ScheduledRuns : public RemediatorTest {
 protected:
  ScheduledRuns() { clock_ = &fake_; }

  /// Time passes, and the sampling loop with it. Ends when what was due has been looked at.
  void pass_after(Duration time) {
    fake_.advance(time);
    pass({});
    pass_has_ended();
  }
  /// The dispatcher looks at schedules last; a wake that it answers comes after the pass before it.
  void pass_has_ended() {
    const std::optional<WallTime> due = remediator_->next_run("clean-up");
    EXPECT_TRUE(eventually([&] {
      const std::optional<WallTime> next = remediator_->next_run("clean-up");
      return next && (*next > fake_.wall() || next != due || due > fake_.wall());
    }));
  }
  void first_look() {
    pass({});
    ASSERT_TRUE(eventually([this] { return remediator_->next_run("clean-up").has_value(); }));
  }
  bool ran(std::size_t times) {
    return eventually([&] { return Stage::get().count() == times && at_rest(); });
  }
  /// No run, not even a rehearsal, holds the target.
  bool at_rest() { return remediator_->decision("clean-up", "").reason != Suppression::in_progress; }

  chiron::testing::FakeClock fake_;
};

TEST_F(ScheduledRuns, RunThroughTheLedgerLikeAnyOther) {
  start({scheduled()});
  first_look();
  EXPECT_EQ(*remediator_->next_run("clean-up"), fake_.wall() + 1h);
  pass_after(59min);
  EXPECT_EQ(Stage::get().count(), 0U);
  pass_after(1min);
  ASSERT_TRUE(ran(1));
  ASSERT_EQ(history("succeeded").size(), 1U);
  const RunRecord run = history("succeeded").front();
  EXPECT_EQ(run.trigger, "schedule");
  EXPECT_EQ(run.target, "clean-up");
  EXPECT_EQ(run.alertname, "");
  EXPECT_EQ(run.reason, "nothing to verify");
  EXPECT_EQ(*remediator_->next_run("clean-up"), fake_.wall() + 1h);
  EXPECT_EQ(metrics_->gauge("chiron_remedy_next_run_timestamp_seconds", "", {{"remedy", "clean-up"}}).value(),
            static_cast<double>(to_ms(fake_.wall() + 1h)) / 1000);
  pass_after(1h);
  EXPECT_TRUE(ran(2));
}

TEST_F(ScheduledRuns, AreSeenWithinSecondsHoweverManyPassesAreAskedFor) {
  start({scheduled(10s)});
  first_look();
  for (int second = 0; second < 15; ++second) {
    fake_.advance(1s);
    pass({});
  }
  EXPECT_TRUE(ran(1));
}

TEST_F(ScheduledRuns, GoOnAfterARestart) {
  start({scheduled()});
  first_look();
  pass_after(40min);
  restart({scheduled()});
  first_look();
  EXPECT_EQ(*remediator_->next_run("clean-up"), fake_.wall() + 20min);
  pass_after(20min);
  ASSERT_TRUE(ran(1));
  restart({scheduled()});
  first_look();
  EXPECT_EQ(*remediator_->next_run("clean-up"), fake_.wall() + 1h);
  EXPECT_EQ(Stage::get().count(), 1U);
}

TEST_F(ScheduledRuns, BeginAnewWhenTheScheduleIsChanged) {
  start({scheduled()});
  first_look();
  pass_after(40min);
  remediator_->load({scheduled(2h)});
  pass({});
  EXPECT_TRUE(eventually([this] { return remediator_->next_run("clean-up") == fake_.wall() + 2h; }));
}

TEST_F(ScheduledRuns, AreHeldBackByAPauseAndDoNotComeInAStormAfterIt) {
  start({scheduled()});
  first_look();
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  for (int i = 0; i < 3; ++i) pass_after(1h);
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 3; }));
  EXPECT_EQ(history("suppressed").front().trigger, "schedule");
  EXPECT_EQ(suppressed("paused", "clean-up"), 3);
  ASSERT_TRUE(remediator_->resume("").ok());
  pass_after(1min);
  EXPECT_EQ(Stage::get().count(), 0U);
  pass_after(59min);
  EXPECT_TRUE(ran(1));
}

TEST_F(ScheduledRuns, TellAMissedTimeOnce) {
  RemedySpec nightly = scheduled();
  CronFault fault;
  nightly.schedule->cron = CronExpression::parse("0 3 * * *", fault);
  start({nightly});
  first_look();
  end();
  fake_.advance(72h);
  start({nightly});
  first_look();
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(history("suppressed").front().reason.find("missed: its time "), 0U);
  pass_after(1min);
  EXPECT_EQ(history().size(), 1U);
  EXPECT_EQ(Stage::get().count(), 0U);
}

TEST_F(ScheduledRuns, SayInDryRunWhatTheyWouldDoAtMostOnceAnHour) {
  RemedySpec often = scheduled(5min);
  often.policy.mode = Mode::dry_run;
  start({often});
  first_look();
  for (int i = 0; i < 24; ++i) {
    pass_after(5min);
    // Told before the rehearsal is launched, and the rehearsal holds the target.
    ASSERT_TRUE(eventually([&] { return suppressed("dry_run", "clean-up") == i + 1; }));
    const std::size_t rehearsals = 1 + static_cast<std::size_t>(i) / 11;
    ASSERT_TRUE(eventually([&] { return history("planned").size() == rehearsals && at_rest(); })) << i;
  }
  EXPECT_EQ(history("planned").size(), 3U);
  EXPECT_EQ(Stage::get().count(), 0U);
}

TEST_F(ScheduledRuns, TellOnceWhatIsAbsent) {
  RemedySpec redis = scheduled();
  redis.needs = {{dir_ / "redis-server", dir_ / "valkey-server"}};
  start({redis});
  first_look();
  for (int i = 0; i < 3; ++i) pass_after(1h);
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(
      history("suppressed")
          .front()
          .reason.find("absent: there is no " + dir_ / "redis-server" + " and no " + dir_ / "valkey-server"),
      0U);
  EXPECT_EQ(remediator_->decision("clean-up", "").reason, Suppression::absent);
  EXPECT_TRUE(remediator_->plan("clean-up", "")->steps.empty()) << "the decision says it all";
  dir_.write("redis-server", "");
  pass_after(1h);
  EXPECT_TRUE(ran(1));
  EXPECT_EQ(history("suppressed").size(), 1U);
  EXPECT_EQ(remediator_->plan("clean-up", "")->steps.size(), 1U);
}

TEST_F(ScheduledRuns, TellOnceOfAServerThatIsInstalledAndDoesNotRun) {
  chiron::testing::ScriptedServer server(nullptr, chiron::testing::ScriptedServer::Kind::tcp);
  RemedySpec redis = scheduled();
  redis.needs = {{"127.0.0.1:1"}, {server.address()}};
  start({redis});
  first_look();
  for (int i = 0; i < 3; ++i) pass_after(1h);
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(history("suppressed").front().reason.find("absent: there is no server at 127.0.0.1:1 on this"),
            0U);
  redis.needs.erase(redis.needs.begin());
  remediator_->load({redis});
  pass_after(1h);
  EXPECT_TRUE(ran(1));
}

TEST_F(ScheduledRuns, LookForAnEngineWhereTheConfigurationSaysItIs) {
  RemedySpec images = scheduled();
  images.needs = {{"container-engine"}};
  chiron::testing::EngineServer engine([](std::string_view) { return std::string(); });
  EXPECT_TRUE(absence_of(images, paths_, {dir_ / "none.sock"}).has_value());
  Remediator::Options options;
  options.container_sockets = {engine.path()};
  start({images}, std::move(options));
  first_look();
  pass_after(1h);
  EXPECT_TRUE(ran(1));
}

TEST_F(ScheduledRuns, SkipATimeWhileTheRunBeforeIsAtWork) {
  std::atomic<bool> go{false};
  on_run([&](ActionContext& context, Report&, const std::string&) -> Status {
    while (!go && !context.cancel.cancelled()) std::this_thread::sleep_for(1ms);
    return {};
  });
  RemedySpec slow = scheduled(10s);
  start({slow});
  first_look();
  pass_after(10s);
  ASSERT_TRUE(eventually([] { return Stage::get().count() == 1; }));
  pass_after(5s);
  pass_after(5s);
  EXPECT_TRUE(eventually([this] { return suppressed("in_progress", "clean-up") == 1; }));
  go = true;
  EXPECT_TRUE(ran(1));
}

TEST_F(ScheduledRuns, GoOnWhenTheLedgerOpensAfterTheStart) {
  start({scheduled()});
  first_look();
  pass_after(40min);
  end();
  Result<std::unique_ptr<Ledger>> real =
      Ledger::open({.directory = dir_ / "state", .reserve = 64 << 10, .deadline = 5s}, fake_, log_);
  ASSERT_TRUE(real.ok());
  Unwilling ledger(**real);
  ledger.closed = true;
  start_on(ledger, {scheduled(), remedy()});
  // What the second pass tells comes after the first has looked at schedules.
  for (int i = 1; i <= 2; ++i) {
    pass({alert("no unit", static_cast<std::uint64_t>(i))});
    ASSERT_TRUE(eventually([&] { return suppressed("target_not_allowed") == i; }));
  }
  EXPECT_FALSE(remediator_->next_run("clean-up").has_value());
  ledger.closed = false;
  first_look();
  EXPECT_EQ(*remediator_->next_run("clean-up"), fake_.wall() + 20min);
  end();
}

RemedySpec asking(Duration expires) {
  RemedySpec spec = scheduled();
  spec.policy.mode = Mode::approval;
  spec.policy.approval_expires = expires;
  return spec;
}

TEST_F(ScheduledRuns, WaitForApprovalOneAtATime) {
  start({asking(24h)});
  first_look();
  for (int i = 1; i <= 3; ++i) {
    pass_after(1h);
    ASSERT_TRUE(eventually([&] { return suppressed("approval", "clean-up") == i; }));
  }
  ASSERT_EQ(history().size(), 1U) << "later times are covered by what waits";
  ASSERT_EQ(remediator_->waiting().size(), 1U);
  const RunRecord waits = remediator_->waiting().front();
  EXPECT_EQ(waits.state, RunState::planned);
  EXPECT_EQ(waits.trigger, "schedule");
  EXPECT_NE(remediator_->decision("clean-up", "").detail.find("chiron remedy approve " + waits.id),
            std::string::npos);
  EXPECT_EQ(Stage::get().count(), 0U);

  restart({asking(24h)});
  const auto begun = remediator_->approve(waits.id, "alice");
  ASSERT_TRUE(begun.ok()) << begun.error().to_string();
  ASSERT_TRUE(ran(1));
  const RunRecord run = ledger_->run(waits.id)->value_or(RunRecord());
  EXPECT_EQ(run.state, RunState::succeeded);
  EXPECT_EQ(run.requested_by, "alice");
  EXPECT_EQ(run.trigger, "schedule");
  EXPECT_TRUE(remediator_->waiting().empty());
}

TEST_F(ScheduledRuns, ThatNobodyApprovesExpireAndTheNextTimeAsks) {
  start({asking(30min)});
  first_look();
  pass_after(1h);
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().size() == 1; }));
  const std::string first = remediator_->waiting().front().id;
  pass_after(30min);
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().empty(); }));
  const RunRecord expired = ledger_->run(first)->value_or(RunRecord());
  EXPECT_EQ(expired.state, RunState::suppressed);
  EXPECT_EQ(expired.reason, "expired: nobody approved it within 30m");
  EXPECT_EQ(suppressed("expired", "clean-up"), 1);
  EXPECT_FALSE(remediator_->approve(first, "alice").ok());
  pass_after(30min);
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().size() == 1; }));
  EXPECT_NE(remediator_->waiting().front().id, first);
  EXPECT_EQ(Stage::get().count(), 0U);
}

TEST_F(ScheduledRuns, ThatAPersonRejectsAskAgainAtTheNextTime) {
  start({asking(24h)});
  first_look();
  pass_after(1h);
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().size() == 1; }));
  ASSERT_TRUE(remediator_->reject(remediator_->waiting().front().id, "bob").ok());
  EXPECT_EQ(history("suppressed").front().reason, "approval: rejected by bob");
  restart({asking(24h)});
  pass_after(1min);
  EXPECT_TRUE(remediator_->waiting().empty());
  pass_after(59min);
  EXPECT_TRUE(eventually([this] { return remediator_->waiting().size() == 1; }));
}

TEST_F(ScheduledRuns, AreTakenBackWhenTheirRemedyHasNoScheduleAnyMoreAndJudgedWhenApproved) {
  start({asking(24h)});
  first_look();
  pass_after(1h);
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().size() == 1; }));
  const std::string id = remediator_->waiting().front().id;
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  EXPECT_FALSE(remediator_->approve(id, "alice").ok());
  ASSERT_TRUE(remediator_->resume("").ok());
  EXPECT_EQ(remediator_->waiting().size(), 1U) << "it waits on";
  RemedySpec changed = asking(24h);
  changed.schedule.reset();
  remediator_->load({changed});
  ASSERT_TRUE(eventually([this] { return remediator_->waiting().empty(); }));
  EXPECT_EQ(ledger_->run(id)->value_or(RunRecord()).reason, "approval: the remedy has no schedule any more");
}

TEST_F(ScheduledRuns, StartNothingThatTheLedgerDoesNotTake) {
  Result<std::unique_ptr<Ledger>> real =
      Ledger::open({.directory = dir_ / "state", .reserve = 64 << 10, .deadline = 5s}, fake_, log_);
  ASSERT_TRUE(real.ok());
  Unwilling ledger(**real);
  start_on(ledger, {scheduled()});
  first_look();
  ledger.refuses = true;
  fake_.advance(1h);
  pass({});
  EXPECT_TRUE(eventually([this] { return suppressed("ledger", "clean-up") == 1; }));
  fake_.advance(5s);
  pass({});
  EXPECT_EQ(Stage::get().count(), 0U);
  // Its time is used up only when that is on disk.
  ledger.refuses = false;
  fake_.advance(5s);
  pass({});
  EXPECT_TRUE(eventually([this] { return Stage::get().count() == 1 && remediator_->active().empty(); }));
  EXPECT_EQ(suppressed("ledger", "clean-up"), 1);
  end();
}

}  // namespace
}  // namespace chiron::remediation::testing
