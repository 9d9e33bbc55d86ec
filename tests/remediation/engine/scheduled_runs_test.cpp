#include "tests/remediation/engine/remediator_fixture.h"
#include "tests/support/fake_clock.h"

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

/// A ledger that keeps no more small facts, as a full disk would have it.
class Unwilling final : public Ledger {
 public:
  explicit Unwilling(Ledger& ledger) : ledger_(ledger) {}
  std::atomic<bool> refuses{false};

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
  Result<std::string> get(std::string_view key) override { return ledger_.get(key); }
  Status writable() override { return ledger_.writable(); }

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
  redis.needs = {dir_ / "redis-server"};
  start({redis});
  first_look();
  for (int i = 0; i < 3; ++i) pass_after(1h);
  EXPECT_TRUE(eventually([this] { return history("suppressed").size() == 1; }));
  EXPECT_EQ(history("suppressed").front().reason.find("absent: there is no "), 0U);
  EXPECT_EQ(remediator_->decision("clean-up", "").reason, Suppression::absent);
  dir_.write("redis-server", "");
  pass_after(1h);
  EXPECT_TRUE(ran(1));
  EXPECT_EQ(history("suppressed").size(), 1U);
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
