#include "tests/remediation/engine/remediator_fixture.h"

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::remedy;
using testing::Stage;

/// Policy at work: a remediator over a real ledger, restarted in between.
class PolicyRun : public testing::RemediatorTest {
 protected:
  static RemedySpec eager() {
    RemedySpec spec = remedy();
    spec.policy.cooldown = 0s;
    return spec;
  }
  static void fails() {
    on_run([](ActionContext&, Report&, const std::string&) -> Status {
      return Error(ErrorCode::unavailable, "the job failed");
    });
  }
  Suppression reason(const char* target = "nginx.service") const {
    return remediator_->decision("restart-web", target).reason;
  }
  double exhausted() {
    return metrics_
        ->gauge("chiron_remedy_exhausted", "", {{"remedy", "restart-web"}, {"target", "nginx.service"}})
        .value();
  }
  /// Passes until so many runs have ended and left their target.
  ::testing::AssertionResult passes_until(std::size_t ended) {
    return eventually([&] {
      pass({alert()});
      return history("failed").size() == ended && remediator_->active().empty() &&
             reason() != Suppression::in_progress;
    });
  }
};

TEST_F(PolicyRun, ABreakerOpensHoldsOverARestartAndIsReset) {
  RemedySpec spec = eager();
  spec.policy.breaker = {.failures = 2, .reopen_after = 6h};
  fails();
  start({spec});
  ASSERT_TRUE(passes_until(2));
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("breaker") == 1 && exhausted() == 1; }));
  EXPECT_EQ(history("failed").size(), 2u);
  // A run that a slow disk keeps out of the ledger fails before its step.
  EXPECT_LE(Stage::get().count(), 2u);
  // A person has to look, paused or not.
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("paused") == 1; }));
  EXPECT_EQ(exhausted(), 1);
  ASSERT_TRUE(remediator_->resume("").ok());

  restart({spec});
  EXPECT_EQ(reason(), Suppression::breaker);
  RunRequest asked;
  asked.remedy = "restart-web";
  asked.target = "nginx.service";
  asked.trigger = "manual";
  EXPECT_FALSE(remediator_->request(asked).ok()) << "for a person too";
  EXPECT_TRUE(remediator_->request(asked, true).ok()) << "unless they insist";
  ASSERT_TRUE(passes_until(3));
  pass({});  // or the remedy would run again as soon as it may

  ASSERT_TRUE(remediator_->reset("restart-web", "nginx.service", "alice").ok());
  EXPECT_EQ(reason(), Suppression::none);
  const auto rows = history("succeeded");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].trigger, "reset");
  EXPECT_EQ(rows[0].requested_by, "alice");
  restart({spec});
  EXPECT_EQ(reason(), Suppression::none) << "the reset is on record";
  EXPECT_EQ(runs("succeeded"), 0) << "a reset is no run";
}

TEST_F(PolicyRun, AHalfOpenBreakerRunsOneTrialAndOpensAgain) {
  RemedySpec spec = eager();
  spec.policy.breaker = {.failures = 1, .reopen_after = 300ms};
  fails();
  start({spec});
  ASSERT_TRUE(passes_until(1));
  ASSERT_TRUE(passes_until(2));
  EXPECT_EQ(reason(), Suppression::breaker);
  on_run(nullptr);
  holds_ = true;
  ASSERT_TRUE(eventually([&] { return reason() == Suppression::none; }));
  EXPECT_NE(remediator_->decision("restart-web", "nginx.service").detail.find("half-open"),
            std::string::npos);
}

TEST_F(PolicyRun, BackoffHoldsAfterAFailureAndNotAfterASuccess) {
  RemedySpec spec = eager();
  spec.policy.backoff = {.initial = 1h, .factor = 2, .max = 2h, .reset_after = 3h};
  fails();
  start({spec});
  ASSERT_TRUE(passes_until(1));
  EXPECT_EQ(reason(), Suppression::backoff);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("backoff") == 1; }));
  restart({spec});
  EXPECT_EQ(reason(), Suppression::backoff);
  EXPECT_EQ(reason("apache.service"), Suppression::none);
}

TEST_F(PolicyRun, AResetOfWhatIsNotThereNamesIt) {
  start({eager()});
  const Status unknown = remediator_->reset("restart-wep", "", "alice");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().to_string().find("did you mean restart-web?"), std::string::npos);
  EXPECT_FALSE(remediator_->reset("restart-web", "not allowed", "alice").ok());
  EXPECT_TRUE(history().empty());
}

TEST_F(PolicyRun, AFiringAlertKeepsARemedyOut) {
  RemedySpec spec = eager();
  spec.policy.unless = {{*parse_matcher("alertname=\"Migrating\"")}};
  start({spec});
  rules::Alert migrating = alert("x", 2);
  migrating.name = "Migrating";
  migrating.labels = Labels{{"alertname", "Migrating"}};
  pass({alert(), migrating});
  ASSERT_TRUE(eventually([&] { return suppressed("unless") == 1; }));
  EXPECT_EQ(reason(), Suppression::unless);
  EXPECT_EQ(Stage::get().count(), 0u);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

TEST_F(PolicyRun, TheHostsBudgetHoldsForAllRemediesTogetherAndOverARestart) {
  Remediator::Options options;
  options.limits.budget = {1, 1h};
  RemedySpec other = remedy("restart-other");
  other.alerts = {{*parse_matcher("alertname=\"OtherDown\"")}};
  start({eager(), other}, options);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1 && remediator_->active().empty(); }));
  rules::Alert second = alert("db.service", 2);
  second.labels.set("alertname", "OtherDown");
  pass({second});
  ASSERT_TRUE(eventually([&] { return suppressed("host_budget", "restart-other") == 1; }));
  restart({eager(), other}, options);
  EXPECT_EQ(remediator_->decision("restart-other", "db.service").reason, Suppression::host_budget);
}

TEST_F(PolicyRun, ThePauseFileHoldsWithinAPassAndFromTheStart) {
  Remediator::Options options;
  options.pause_file = dir_ / "pause";
  start({eager()}, options);
  dir_.write("pause", "moving the database\n");
  pass({});
  ASSERT_TRUE(eventually([&] { return reason() == Suppression::paused; }));
  const auto paused = [&](const char* cause) {
    return metrics_->gauge("chiron_remediation_paused", "", {{"cause", cause}}).value();
  };
  ASSERT_TRUE(eventually([&] { return paused("file") == 1; }));
  EXPECT_EQ(paused("command"), 0);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return suppressed("paused") == 1; }));
  ASSERT_TRUE(remediator_->resume("").ok());
  EXPECT_EQ(reason(), Suppression::paused);
  restart({eager()}, options);
  EXPECT_EQ(reason(), Suppression::paused) << "before the first pass";
  std::filesystem::remove(dir_ / "pause");
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return Stage::get().count() == 1; }));
}

}  // namespace
}  // namespace chiron::remediation
