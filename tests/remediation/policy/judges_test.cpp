#include "remediation/policy/judges.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class Judges : public ::testing::Test {
 protected:
  Case now() const { return {spec_, past_, host_budget_, host_, firing_, from_ms(1'700'000'000'000)}; }
  /// An attempt that began `ago` and took a second.
  void attempt(Duration ago, Outcome outcome) { past_.push_back({ago, ago - 1s, outcome}); }
  void later(Duration by) {
    for (PastAttempt& one : past_) {
      one.started += by;
      if (one.ended) *one.ended += by;
    }
  }

  PolicySpec spec_;
  Past past_;
  HostBudget host_budget_;
  std::vector<Duration> host_;
  std::vector<Labels> firing_;
};

TEST_F(Judges, WithoutAPastNobodyObjects) {
  spec_.backoff.emplace();
  spec_.breaker.emplace();
  for (const Judge judge :
       {judge_cooldown, judge_backoff, judge_breaker, judge_budget, judge_host_budget, judge_unless}) {
    EXPECT_FALSE(judge(now()).has_value());
  }
}

TEST_F(Judges, BackoffGrowsByItsFactorUpToItsMax) {
  spec_.backoff = {.initial = 30s, .factor = 2, .max = 3min, .reset_after = 1h};
  std::vector<Duration> waits;
  for (int i = 0; i < 5; ++i) {
    attempt(1s, Outcome::in_vain);
    waits.push_back(backoff_wait(now()));
    later(waits.back());
  }
  EXPECT_EQ(waits, (std::vector<Duration>{30s, 1min, 2min, 3min, 3min}));
}

TEST_F(Judges, BackoffRunsFromTheEndOfTheNewestAttempt) {
  spec_.backoff = {.initial = 30s, .factor = 2, .max = 3min, .reset_after = 1h};
  past_.push_back({10min, 20s, Outcome::in_vain});
  const auto objection = judge_backoff(now());
  ASSERT_TRUE(objection.has_value());
  EXPECT_EQ(objection->reason, Suppression::backoff);
  EXPECT_EQ(objection->retry_in, 10s);
  EXPECT_EQ(objection->detail, "one attempt in vain, so it waits 30s; again at 22:13:30 UTC");
  later(10s);
  EXPECT_FALSE(judge_backoff(now()).has_value());
}

TEST_F(Judges, ASuccessResetsBackoffAndACancelledRunDoesNeither) {
  spec_.backoff = {.initial = 30s, .factor = 2, .max = 10min, .reset_after = 1h};
  attempt(5min, Outcome::in_vain);
  attempt(4min, Outcome::in_vain);
  attempt(3min, Outcome::called_off);
  EXPECT_EQ(backoff_wait(now()), 1min);
  attempt(2min, Outcome::helped);
  EXPECT_EQ(backoff_wait(now()), 0s);
  attempt(1min, Outcome::in_vain);
  EXPECT_EQ(backoff_wait(now()), 30s);
}

TEST_F(Judges, AQuietTimeResetsBackoffBetweenAttemptsToo) {
  spec_.backoff = {.initial = 30s, .factor = 2, .max = 10min, .reset_after = 1h};
  attempt(3h, Outcome::in_vain);
  attempt(2h + 50min, Outcome::in_vain);
  attempt(1min, Outcome::in_vain);
  EXPECT_EQ(backoff_wait(now()), 30s);
  later(1h);
  EXPECT_EQ(backoff_wait(now()), 0s);
}

TEST_F(Judges, BackoffOfManyAttemptsDoesNotOverflow) {
  spec_.backoff = {
      .initial = 1h, .factor = 1000, .max = std::chrono::hours(24 * 365), .reset_after = Duration::max()};
  for (int i = 0; i < 300; ++i) attempt(2s, Outcome::in_vain);
  EXPECT_EQ(backoff_wait(now()), spec_.backoff->max);
}

TEST_F(Judges, TheBreakerOpensAfterSoManyInVainInARow) {
  spec_.breaker = {.failures = 3, .reopen_after = 6h};
  attempt(50min, Outcome::in_vain);
  attempt(40min, Outcome::helped);
  attempt(30min, Outcome::in_vain);
  attempt(20min, Outcome::in_vain);
  EXPECT_FALSE(judge_breaker(now()).has_value());
  attempt(15min, Outcome::called_off);
  EXPECT_FALSE(judge_breaker(now()).has_value());
  attempt(10min + 1s, Outcome::in_vain);
  const auto objection = judge_breaker(now());
  ASSERT_TRUE(objection.has_value());
  EXPECT_EQ(objection->reason, Suppression::breaker);
  EXPECT_EQ(objection->retry_in, 5h + 50min);
  EXPECT_EQ(
      objection->detail,
      "3 runs in a row did not help, so its breaker is open; one more may try at 2023-11-15 04:03:20 UTC");
}

TEST_F(Judges, AHalfOpenBreakerLetsExactlyOneTry) {
  spec_.breaker = {.failures = 2, .reopen_after = 1h};
  attempt(3h, Outcome::in_vain);
  attempt(2h, Outcome::in_vain);
  EXPECT_FALSE(judge_breaker(now()).has_value());
  EXPECT_TRUE(is_trial(now()));
  past_.push_back({1s, std::nullopt, Outcome::under_way});
  ASSERT_TRUE(judge_breaker(now()).has_value());
  EXPECT_EQ(judge_breaker(now())->retry_in, std::nullopt);

  past_.back() = {10s, 0s, Outcome::in_vain};
  EXPECT_EQ(judge_breaker(now())->retry_in, 1h) << "open again, from the end of the trial";
  past_.back().outcome = Outcome::helped;
  EXPECT_FALSE(judge_breaker(now()).has_value());
  EXPECT_FALSE(is_trial(now())) << "closed";
  past_.back().outcome = Outcome::called_off;
  EXPECT_TRUE(is_trial(now())) << "nothing was learnt: the next is the trial";
}

TEST_F(Judges, UnlessLooksAtFiringAlertsOneByOne) {
  spec_.unless = {{*parse_matcher("alertname=\"Migrating\""), *parse_matcher("db=~\"a|b\"")},
                  {*parse_matcher("severity=\"freeze\"")}};
  firing_ = {Labels{{"alertname", "Migrating"}, {"db", "c"}}, Labels{{"alertname", "Other"}, {"db", "a"}}};
  EXPECT_FALSE(judge_unless(now()).has_value());
  firing_.push_back(Labels{{"alertname", "X"}, {"severity", "freeze"}});
  ASSERT_TRUE(judge_unless(now()).has_value());
  EXPECT_EQ(judge_unless(now())->reason, Suppression::unless);
  EXPECT_NE(judge_unless(now())->detail.find("severity=\"freeze\""), std::string::npos);
  firing_ = {Labels{{"alertname", "Migrating"}, {"db", "b"}}};
  EXPECT_TRUE(judge_unless(now()).has_value());
}

TEST_F(Judges, TheHostsBudgetFreesRunByRun) {
  host_budget_ = {2, 1h};
  host_ = {70min, 50min};
  EXPECT_FALSE(judge_host_budget(now()).has_value());
  host_.push_back(10min);
  ASSERT_TRUE(judge_host_budget(now()).has_value());
  EXPECT_EQ(judge_host_budget(now())->retry_in, 10min);
}

}  // namespace
}  // namespace chiron::remediation
