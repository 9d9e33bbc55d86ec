#include "tests/remediation/engine/remediator_fixture.h"
#include "tests/support/fake_clock.h"

namespace chiron::remediation::testing {
namespace {

class Arming : public RemediatorTest {
 protected:
  Arming() { clock_ = &fake_; }

  static RemedySpec armed(std::optional<Duration> length = 1h) {
    RemedySpec spec = remedy();
    spec.policy.cooldown = 0s;
    spec.policy.armed_for = length;
    return spec;
  }
  Decision decide() { return remediator_->decision("restart-web", "nginx.service"); }
  double armed_until() {
    return metrics_->gauge("chiron_remedy_armed_until_timestamp_seconds", "", {{"remedy", "restart-web"}})
        .value();
  }
  double wall_in(Duration time) { return static_cast<double>(to_ms(fake_.wall())) / 1000 + seconds(time); }
  static double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }
  /// Passes until one has written to the ledger since when remedies are armed.
  void recorded() {
    ASSERT_TRUE(eventually([this] {
      pass({});
      return !ledger_->get(kArmingsKey)->empty();
    }));
  }

  chiron::testing::FakeClock fake_;
};

TEST_F(Arming, ActsForItsTimeAndThenSaysWhatItWouldDo) {
  on_run([](ActionContext&, Report&, const std::string&) -> Status {
    return Error(ErrorCode::unavailable, "the job failed");
  });
  start({armed()});
  EXPECT_EQ(decide().reason, Suppression::none);
  EXPECT_EQ(armed_until(), wall_in(1h));
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("failed"); }));
  fake_.advance(1h);
  EXPECT_EQ(decide().reason, Suppression::dry_run);
  EXPECT_EQ(decide().detail,
            "it was armed for 1h, until 2023-11-14T23:13:20Z: since then it says what it would do and does "
            "nothing");
  EXPECT_EQ(remediator_->mode(armed()), Mode::dry_run);
  EXPECT_TRUE(remediator_->arming("restart-web")->over);
  for (int i = 0; i < 3; ++i) pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("planned"); }));
  EXPECT_EQ(history("planned").front().mode, "dry-run");
  EXPECT_EQ(Stage::get().count(), 1U);
  EXPECT_EQ(log_.count("remedy no longer armed"), 1U);
}

TEST_F(Arming, ItsTimeGoesOnOverARestartAndItsEndIsToldOnce) {
  start({armed()});
  recorded();
  fake_.advance(40min);
  restart({armed()});
  EXPECT_EQ(armed_until(), wall_in(20min));
  fake_.advance(20min);
  ASSERT_TRUE(eventually([this] {
    pass({});
    return log_.count("remedy no longer armed") == 1;
  }));
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("planned"); }));
  restart({armed()});
  EXPECT_EQ(decide().reason, Suppression::dry_run);
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return suppressed("dry_run") == 1; }));
  EXPECT_EQ(log_.count("remedy no longer armed"), 1U);
}

TEST_F(Arming, AnotherTimeOrAnotherModeBeginsItAgain) {
  start({armed()});
  fake_.advance(2h);
  EXPECT_EQ(decide().reason, Suppression::dry_run);
  remediator_->load({armed(3h)});
  EXPECT_EQ(decide().reason, Suppression::none);
  EXPECT_EQ(armed_until(), wall_in(3h));
  fake_.advance(3h);
  EXPECT_EQ(decide().reason, Suppression::dry_run);
  remediator_->load({remedy()});
  EXPECT_EQ(armed_until(), 0);
  EXPECT_EQ(decide().reason, Suppression::none) << "for good";
  remediator_->load({armed(3h)});
  EXPECT_EQ(decide().reason, Suppression::none) << "anew";
}

TEST_F(Arming, APersonMayStillRunIt) {
  start({armed()});
  fake_.advance(2h);
  RunRequest asked;
  asked.remedy = "restart-web";
  asked.target = "nginx.service";
  asked.trigger = "manual";
  const auto run = remediator_->request(asked);
  ASSERT_TRUE(run.ok()) << run.error().to_string();
  ASSERT_TRUE(eventually([this] { return ended("succeeded"); }));
  EXPECT_EQ(Stage::get().count(), 1U);
}

TEST_F(Arming, WhenNobodyKnowsSinceWhenEverythingIsPaused) {
  start({armed()});
  ASSERT_TRUE(ledger_->put(kArmingsKey, "{").ok());
  restart({armed()});
  EXPECT_EQ(decide().reason, Suppression::paused);
}

}  // namespace
}  // namespace chiron::remediation::testing
