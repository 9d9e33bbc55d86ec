#include "remediation/policy/policy.h"
#include "tests/support/fake_clock.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class TargetStates : public ::testing::Test {
 protected:
  void attempt(std::string_view target, RunState end = RunState::failed) {
    book_.note_attempt("web", target, moment_now(clock_));
    book_.note_end("web", target, moment_now(clock_), end);
  }
  std::vector<TargetState> states() const { return book_.states("web", policy_); }
  TargetState state() const {
    const std::vector<TargetState> all = states();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? TargetState() : all.front();
  }

  testing::FakeClock clock_;  // Tuesday 2023-11-14 22:13:20
  PolicyBook book_{clock_};
  PolicySpec policy_{.mode = Mode::dry_run,
                     .cooldown = 5min,
                     .budget_runs = 3,
                     .budget_per = 1h,
                     .breaker = BreakerSpec{.failures = 2, .reopen_after = 2h}};
};

TEST_F(TargetStates, TellWhatHoldsATargetBackAndUntilWhen) {
  attempt("nginx.service", RunState::succeeded);
  EXPECT_EQ(state().target, "nginx.service");
  EXPECT_EQ(state().decision.reason, Suppression::cooldown) << "whatever the remedy's mode";
  EXPECT_EQ(state().next, clock_.wall() + 5min);
  EXPECT_EQ(state().breaker, BreakerState::closed);
  EXPECT_EQ(state().budget_left, 2);
  clock_.advance(5min);
  EXPECT_EQ(state().decision.reason, Suppression::none);
  EXPECT_EQ(state().next, std::nullopt);
  EXPECT_EQ(state().budget_left, 2);
  clock_.advance(55min);
  EXPECT_TRUE(states().empty()) << "nothing of it matters any more";
}

TEST_F(TargetStates, FollowABreakerFromClosedOverOpenToHalfOpen) {
  attempt("a");
  EXPECT_EQ(state().in_vain, 1);
  EXPECT_EQ(state().breaker, BreakerState::closed);
  clock_.advance(10min);
  attempt("a");
  EXPECT_EQ(state().breaker, BreakerState::open);
  EXPECT_EQ(state().open_until, clock_.wall() + 2h);
  EXPECT_EQ(state().next, clock_.wall() + 2h) << "later than the cooldown, which objects first";
  clock_.advance(2h);
  EXPECT_EQ(state().breaker, BreakerState::half_open);
  EXPECT_EQ(state().open_until, std::nullopt);
  EXPECT_EQ(state().decision.reason, Suppression::none);
  attempt("a", RunState::succeeded);
  EXPECT_EQ(state().breaker, BreakerState::closed);
  EXPECT_EQ(state().in_vain, 0);
}

TEST_F(TargetStates, AreKeptApartAndOrderedByName) {
  attempt("b");
  attempt("a");
  book_.note_attempt("other", "a", moment_now(clock_));
  ASSERT_EQ(states().size(), 2U);
  EXPECT_EQ(states()[0].target, "a");
  EXPECT_EQ(states()[1].target, "b");
  book_.reset("web", "b");
  EXPECT_EQ(state().target, "a");
}

TEST_F(TargetStates, LookForTheWindowThatIsOpenWhenTheOthersHaveLetGo) {
  // Open now and for a quarter of an hour; the budget is free again after it has closed.
  policy_.windows = {{.days = 0b1111111, .from = 22h, .to = 22h + 30min, .zone = {}}};
  policy_.budget_runs = 1;
  attempt("a", RunState::succeeded);
  EXPECT_EQ(state().budget_left, 0);
  EXPECT_EQ(state().next, clock_.wall() + 24h - 13min - 20s);
}

TEST_F(TargetStates, KnowNoTimeWhereNoTimeDecides) {
  attempt("a");
  book_.pause("web", std::nullopt);
  EXPECT_EQ(state().decision.reason, Suppression::paused);
  EXPECT_EQ(state().next, std::nullopt);
  book_.pause("web", 10min);
  EXPECT_EQ(state().next, clock_.wall() + 10min);
  book_.resume("web");
  book_.set_gate(Gate::off);
  EXPECT_EQ(state().decision.reason, Suppression::off);
  EXPECT_EQ(state().next, std::nullopt);
}

}  // namespace
}  // namespace chiron::remediation
