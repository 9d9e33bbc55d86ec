#include "remediation/policy/policy.h"

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

#include <filesystem>

#include <sys/stat.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class Policy : public ::testing::Test {
 protected:
  Suppression reason() const { return book_.decide("web", "nginx.service", policy_).reason; }
  void attempt() { book_.note_attempt("web", "nginx.service", moment_now(clock_)); }
  static RunRecord record(const std::string& id, const Moment& started, RunState state) {
    RunRecord run;
    run.id = id;
    run.remedy = "web";
    run.target = "nginx.service";
    run.started = started;
    run.state = state;
    return run;
  }

  testing::FakeClock clock_;
  PolicyBook book_{clock_};
  PolicySpec policy_{.mode = Mode::automatic, .cooldown = 5min, .budget_runs = 3, .budget_per = 1h};
};

TEST_F(Policy, ActsWhenNothingSpeaksAgainstIt) { EXPECT_EQ(reason(), Suppression::none); }

TEST_F(Policy, CooldownRunsFromTheAttemptAndFromItsEnd) {
  attempt();
  EXPECT_EQ(reason(), Suppression::cooldown);
  clock_.advance(4min);
  book_.note_end("web", "nginx.service", moment_now(clock_), RunState::succeeded);
  clock_.advance(4min + 59s);
  const Decision decision = book_.decide("web", "nginx.service", policy_);
  EXPECT_EQ(decision.reason, Suppression::cooldown);
  EXPECT_EQ(decision.retry_in, 1s);
  EXPECT_EQ(decision.detail, "ran 4m59s ago, cooldown 5m; again at 22:22:20 UTC");
  clock_.advance(1s);
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, CooldownIsPerTargetAndRemedy) {
  attempt();
  EXPECT_EQ(book_.decide("web", "apache.service", policy_).reason, Suppression::none);
  EXPECT_EQ(book_.decide("other", "nginx.service", policy_).reason, Suppression::none);
}

TEST_F(Policy, ABudgetThatIsUsedUpFreesRunByRun) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reason(), Suppression::none) << i;
    attempt();
    clock_.advance(10min);
  }
  const Decision decision = book_.decide("web", "nginx.service", policy_);
  EXPECT_EQ(decision.reason, Suppression::budget);
  EXPECT_EQ(decision.retry_in, 30min);
  EXPECT_NE(decision.detail.find("3 runs in the last 1h, 3 allowed"), std::string::npos) << decision.detail;
  clock_.advance(30min);
  EXPECT_EQ(reason(), Suppression::none);
  attempt();
  clock_.advance(6min);
  EXPECT_EQ(reason(), Suppression::budget);
  clock_.advance(4min);
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, ABudgetOfNoRunsNeverActs) {
  policy_.budget_runs = 0;
  EXPECT_EQ(reason(), Suppression::budget);
}

TEST_F(Policy, AWallClockThatJumpsNeitherFreesNorFreezes) {
  attempt();
  clock_.jump_wall(2h);
  EXPECT_EQ(reason(), Suppression::cooldown);
  clock_.jump_wall(-8h);
  clock_.advance(5min);
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, OverARebootTheWallClockCountsAndNeverLessThanTheUptime) {
  attempt();
  clock_.advance(1min);
  clock_.reboot("boot-2", 20s);
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 4min);
  clock_.jump_wall(-24h);
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 4min + 40s);
  clock_.advance(4min + 40s);
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, DryRunIsToldOnlyWhenItWouldHaveActed) {
  policy_.mode = Mode::dry_run;
  EXPECT_EQ(reason(), Suppression::dry_run);
  attempt();
  EXPECT_EQ(reason(), Suppression::cooldown);
}

TEST_F(Policy, RestoredFromTheLedgerFailuresCountAndWhatDidNotActDoesNot) {
  std::vector<RunRecord> runs;
  runs.push_back(record("3", moment_now(clock_), RunState::suppressed));
  runs.push_back(record("2", moment_now(clock_), RunState::planned));
  book_.restore(runs);
  EXPECT_EQ(reason(), Suppression::none);
  clock_.advance(10min);
  // Newest first, as history gives them.
  const Moment newer = moment_now(clock_);
  clock_.advance(-5min);
  const Moment older = moment_now(clock_);
  clock_.advance(7min);
  book_.restore({record("2", newer, RunState::interrupted), record("1", older, RunState::failed)});
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 3min);
}

/// The ids of runs begin with the wall clock: after it was set back they no longer sort by start.
TEST_F(Policy, RestoredOverAClockThatWasSetBackTheNewestAttemptCounts) {
  const Moment older = moment_now(clock_);
  clock_.advance(10min);
  clock_.jump_wall(-2h);
  const Moment newer = moment_now(clock_);
  clock_.advance(1min);
  RunRecord first = record("20231114T221320-00aa", older, RunState::failed);
  first.finished = older;
  RunRecord second = record("20231114T202320-00aa", newer, RunState::failed);
  second.finished = newer;
  book_.restore({second, first});
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 4min);
}

TEST_F(Policy, WhatIsOlderThanTheLongestWindowIsForgotten) {
  book_.set_horizon(1h);
  policy_ = {.mode = Mode::automatic, .cooldown = 0s, .budget_runs = 101, .budget_per = 48h};
  for (int i = 0; i < 101; ++i) attempt();
  EXPECT_EQ(reason(), Suppression::budget);
  clock_.advance(2h);
  attempt();
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, APauseHoldsForItsLengthOrUntilResumed) {
  book_.pause("", 2h);
  book_.pause("web", std::nullopt);
  EXPECT_EQ(reason(), Suppression::paused);
  EXPECT_EQ(book_.decide("other", "x", policy_).retry_in, 2h);
  clock_.jump_wall(-5h);
  clock_.advance(2h);
  EXPECT_EQ(book_.decide("other", "x", policy_).reason, Suppression::none);
  EXPECT_EQ(reason(), Suppression::paused);
  book_.resume("web");
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, PausesSurviveARestartAndAReboot) {
  book_.pause("", 2h);
  book_.pause("web", std::nullopt);
  const std::string saved = book_.save_pauses();
  clock_.advance(30min);
  clock_.reboot("boot-2", 1min);
  PolicyBook again(clock_);
  ASSERT_TRUE(again.restore_pauses(saved).ok());
  EXPECT_EQ(again.paused("other")->retry_in, 90min);
  clock_.advance(90min);
  EXPECT_FALSE(again.paused("other").has_value());
  EXPECT_TRUE(again.paused("web").has_value());
  again.resume("web");
  EXPECT_EQ(again.save_pauses(), "");
}

TEST_F(Policy, DamagedPausesAreRefusedAndChangeNothing) {
  book_.pause("web", std::nullopt);
  for (const char* text : {"{", "[1]", R"([{"remedy":"x"}])", R"([{"remedy":1,"since":{}}])"}) {
    EXPECT_FALSE(book_.restore_pauses(text).ok()) << text;
  }
  EXPECT_TRUE(book_.paused("web").has_value());
}

TEST_F(Policy, WhatWasPausedBeforeTheLedgerOpenedStaysPaused) {
  book_.pause("web", 1h);
  PolicyBook other(clock_);
  other.pause("web", std::nullopt);
  other.pause("db", 2h);
  ASSERT_TRUE(book_.restore_pauses(other.save_pauses()).ok());
  EXPECT_EQ(book_.paused("web")->retry_in, 1h);
  EXPECT_EQ(book_.paused("db")->retry_in, 2h);
}

TEST_F(Policy, AShortPauseByCommandDoesNotEndALongOneOfAnotherCause) {
  book_.pause("", std::nullopt, PauseCause::boot_loop, "three starts");
  book_.pause("", 1min);
  clock_.advance(1h);
  EXPECT_TRUE(book_.all_paused_by(PauseCause::boot_loop));
  EXPECT_FALSE(book_.all_paused_by(PauseCause::command));
  EXPECT_EQ(book_.paused("web")->detail, "all remedies are paused until resumed: three starts");
  PolicyBook again(clock_);
  ASSERT_TRUE(again.restore_pauses(book_.save_pauses()).ok());
  EXPECT_TRUE(again.all_paused_by(PauseCause::boot_loop));
  again.resume("");
  EXPECT_FALSE(again.paused("web").has_value());
}

TEST_F(Policy, TheFilePausesAsLongAsItIsThereAndItsTextIsTheReason) {
  const testing::TempDir dir;
  const std::string path = dir / "pause";
  EXPECT_FALSE(book_.look_at_pause_file(path));
  EXPECT_FALSE(book_.paused("").has_value());
  dir.write("pause", "\n moving\tthe database \n");
  EXPECT_TRUE(book_.look_at_pause_file(path));
  EXPECT_FALSE(book_.look_at_pause_file(path));
  EXPECT_EQ(reason(), Suppression::paused);
  EXPECT_NE(book_.paused("web")->detail.find("pause is there: moving the database"), std::string::npos);
  book_.resume("");
  EXPECT_EQ(reason(), Suppression::paused) << "only the file ends it";
  EXPECT_EQ(book_.save_pauses(), "");
  std::filesystem::remove(path);
  EXPECT_TRUE(book_.look_at_pause_file(path));
  EXPECT_EQ(reason(), Suppression::none);
}

TEST_F(Policy, APauseFileThatCannotBeReadPauses) {
  const testing::TempDir dir;
  std::filesystem::create_symlink("/nowhere", dir / "dangling");
  std::filesystem::create_directory(dir / "directory");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  dir.write("long", std::string(1 << 20, 'x'));
  for (const char* name : {"dangling", "directory", "fifo", "long"}) {
    PolicyBook book(clock_);
    book.look_at_pause_file(dir / name);
    EXPECT_TRUE(book.paused("web").has_value()) << name;
    EXPECT_NE(book.paused("web")->detail.find("cannot be read"), std::string::npos) << name;
  }
}

TEST_F(Policy, BackoffAndBreakerAreRebuiltFromTheLedger) {
  policy_ = {.mode = Mode::automatic, .cooldown = 0s, .budget_runs = 100, .budget_per = 1h};
  policy_.breaker = {.failures = 3, .reopen_after = 6h};
  std::vector<RunRecord> runs;
  for (const RunState state : {RunState::failed, RunState::interrupted, RunState::ineffective}) {
    RunRecord run = record("x", moment_now(clock_), state);
    clock_.advance(1min);
    run.finished = moment_now(clock_);
    runs.insert(runs.begin(), run);
  }
  clock_.reboot("boot-2", 20s);
  book_.restore(runs);
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 6h - 20s);
  clock_.jump_wall(24h);
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).reason, Suppression::none)
      << "over a reboot only the wall clock is known";
}

TEST_F(Policy, AResetInTheLedgerUndoesWhatCameBefore) {
  policy_.cooldown = 1h;
  RunRecord before = record("1", moment_now(clock_), RunState::failed);
  RunRecord other = before;
  other.target = "apache.service";
  RunRecord reset = record("2", moment_now(clock_), RunState::succeeded);
  reset.trigger = kResetTrigger;
  book_.restore({reset, other, before});
  EXPECT_EQ(reason(), Suppression::none);
  EXPECT_EQ(book_.decide("web", "apache.service", policy_).reason, Suppression::cooldown);
  PolicyBook again(clock_);
  reset.target = "";
  again.restore({record("3", moment_now(clock_), RunState::failed), reset, other, before});
  EXPECT_EQ(again.decide("web", "apache.service", policy_).reason, Suppression::none);
  EXPECT_EQ(again.decide("web", "nginx.service", policy_).reason, Suppression::cooldown);
}

TEST_F(Policy, TheHostsBudgetCountsWhatAlertsStartedOfAllRemedies) {
  book_.set_host_budget({2, 1h});
  book_.note_attempt("a", "x", moment_now(clock_), true);
  book_.note_attempt("b", "y", moment_now(clock_), false);
  EXPECT_EQ(reason(), Suppression::none);
  clock_.advance(10min);
  book_.note_attempt("c", "z", moment_now(clock_), true);
  EXPECT_EQ(reason(), Suppression::host_budget);
  EXPECT_EQ(book_.decide("web", "nginx.service", policy_).retry_in, 50min);
}

TEST_F(Policy, TheGateStandsAboveEveryMode) {
  book_.set_gate(Gate::dry_run);
  EXPECT_EQ(reason(), Suppression::dry_run);
  book_.set_gate(Gate::off);
  book_.pause("", std::nullopt);
  EXPECT_EQ(reason(), Suppression::off);
}

TEST(Suppressions, EveryReasonHasAName) {
  for (const Suppression reason : all_suppressions()) EXPECT_NE(to_string(reason), "none");
  EXPECT_EQ(all_suppressions().size(), 21u);
}

}  // namespace
}  // namespace chiron::remediation
