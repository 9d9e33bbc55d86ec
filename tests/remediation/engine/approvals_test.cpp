#include "tests/remediation/engine/remediator_fixture.h"

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::remedy;
using testing::Stage;

class ApprovalsTest : public testing::RemediatorTest {
 protected:
  static RemedySpec asking(Duration expires = 1h) {
    RemedySpec spec = remedy();
    spec.policy.mode = Mode::approval;
    spec.policy.cooldown = Duration::zero();
    spec.policy.approval_expires = expires;
    return spec;
  }
  /// Passes until a run waits; its id.
  std::string asked() {
    EXPECT_TRUE(eventually([&] {
      pass({alert()});
      return remediator_->waiting().size() == 1;
    }));
    const auto waiting = remediator_->waiting();
    return waiting.empty() ? "" : waiting.front().id;
  }
  RunRecord row(const std::string& id) { return ledger_->run(id)->value_or(RunRecord()); }
};

TEST_F(ApprovalsTest, ItAsksOnceAndRunsUnderTheSameIdWhenApproved) {
  start({asking()});
  const std::string id = asked();
  for (int i = 0; i < 3; ++i) pass({alert()});
  EXPECT_EQ(row(id).state, RunState::planned);
  EXPECT_EQ(row(id).mode, "approval");
  EXPECT_NE(remediator_->decision("restart-web", "nginx.service").detail.find("chiron remedy approve " + id),
            std::string::npos);
  EXPECT_EQ(metrics_->gauge("chiron_runs_waiting", "", {}).value(), 1);
  EXPECT_EQ(Stage::get().count(), 0u);

  const auto begun = remediator_->approve(id, "alice");
  ASSERT_TRUE(begun.ok()) << begun.error().to_string();
  EXPECT_EQ(*begun, id);
  ASSERT_TRUE(eventually([&] { return row(id).finished.has_value() && remediator_->active().empty(); }));
  EXPECT_EQ(row(id).requested_by, "alice");
  EXPECT_EQ(Stage::get().count(), 1u);
  EXPECT_EQ(suppressed("approval"), 1);
  EXPECT_FALSE(remediator_->approve(id, "alice").ok()) << "nothing runs twice";
  EXPECT_FALSE(remediator_->reject(id, "alice").ok());
}

TEST_F(ApprovalsTest, ARejectionHoldsWhileTheAlertFiresAndOverARestart) {
  start({asking()});
  const std::string id = asked();
  ASSERT_TRUE(remediator_->reject(id, "bob").ok());
  EXPECT_EQ(row(id).state, RunState::suppressed);
  EXPECT_EQ(row(id).reason, "approval: rejected by bob");
  for (int i = 0; i < 3; ++i) pass({alert()});
  restart({asking()});
  // Two alerts: when the second one asks, the first has been looked at as well.
  ASSERT_TRUE(eventually([&] {
    pass({alert(), alert("b.service", 2)});
    return !remediator_->waiting().empty();
  }));
  EXPECT_EQ(remediator_->waiting().size(), 1u);
  EXPECT_EQ(remediator_->waiting()[0].target, "b.service");
  rules::Alert again = alert();
  again.active_at = system_clock().wall() + 1h;
  ASSERT_TRUE(eventually([&] {
    pass({again, alert("b.service", 2)});
    return remediator_->waiting().size() == 2;
  })) << "a new alert asks anew";
}

TEST_F(ApprovalsTest, WhatNobodyApprovesExpiresAndIsAskedAnew) {
  start({asking(50ms)});
  const std::string id = asked();
  ASSERT_TRUE(eventually([&] {
    pass({alert()});
    return row(id).state == RunState::suppressed;
  }));
  EXPECT_EQ(row(id).reason, "expired: nobody approved it within 50ms");
  EXPECT_EQ(suppressed("expired"), 1);
  EXPECT_FALSE(remediator_->approve(id, "alice").ok());
  EXPECT_NE(asked(), id);
  EXPECT_EQ(Stage::get().count(), 0u);
}

TEST_F(ApprovalsTest, AnAlertThatEndsTakesItBack) {
  start({asking()});
  const std::string id = asked();
  pass({});
  ASSERT_TRUE(eventually([&] { return remediator_->waiting().empty(); }));
  EXPECT_EQ(row(id).reason, "approval: the alert has ended");
}

TEST_F(ApprovalsTest, PolicyTargetAndAlertAreJudgedAgain) {
  start({asking()});
  const std::string id = asked();
  ASSERT_TRUE(remediator_->pause("", std::nullopt).ok());
  auto refused = remediator_->approve(id, "alice");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().to_string().find("paused"), std::string::npos) << refused.error().to_string();
  EXPECT_EQ(remediator_->waiting().size(), 1u) << "it waits on";
  ASSERT_TRUE(remediator_->resume("").ok());

  holds_ = false;
  EXPECT_FALSE(remediator_->approve(id, "alice").ok());
  holds_ = true;
  RemedySpec narrower = asking();
  narrower.targets = std::vector<std::string>{"web-*"};
  remediator_->load({narrower});
  EXPECT_FALSE(remediator_->approve(id, "alice").ok());
  remediator_->load({asking()});
  remediator_->set_limits({.deletion = {}, .gate = Gate::dry_run, .budget = {}});
  EXPECT_FALSE(remediator_->approve(id, "alice").ok());
  remediator_->set_limits({});
  EXPECT_EQ(Stage::get().count(), 0u);
  // Not while the rehearsal holds the target that was begun under the narrower gate.
  EXPECT_TRUE(eventually([&] { return remediator_->approve(id, "alice").ok(); }));
}

TEST_F(ApprovalsTest, AfterARestartItWaitsOnAndNotBeforeTheAlertIsSeen) {
  start({asking()});
  const std::string id = asked();
  restart({asking()});
  ASSERT_EQ(remediator_->waiting().size(), 1u);
  const auto early = remediator_->approve(id, "alice");
  ASSERT_FALSE(early.ok());
  EXPECT_NE(early.error().to_string().find("WebDown does not fire now"), std::string::npos);
  pass({alert()});
  ASSERT_TRUE(eventually([&] { return remediator_->approve(id, "alice").ok(); }));
}

TEST_F(ApprovalsTest, APersonMayRunWhatWouldAsk) {
  start({asking()});
  RunRequest wanted;
  wanted.remedy = "restart-web";
  wanted.target = "nginx.service";
  wanted.trigger = "manual";
  const auto run = remediator_->request(wanted);
  ASSERT_TRUE(run.ok()) << run.error().to_string();
  EXPECT_TRUE(eventually([] { return Stage::get().count() == 1; }));
}

TEST_F(ApprovalsTest, AnUnknownRunIsNamed) {
  start({asking()});
  EXPECT_EQ(remediator_->approve("nonsense", "alice").error().code(), ErrorCode::not_found);
  EXPECT_EQ(remediator_->reject("nonsense", "alice").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron::remediation
