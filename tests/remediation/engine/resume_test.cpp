#include "remediation/engine/step_runner.h"
#include "tests/remediation/engine/remediator_fixture.h"

#include <gmock/gmock.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using testing::alert;
using testing::FakeAction;
using testing::remedy;

/// Recorded as what the program knows to outlive the agent; nothing of it can be found at the next start
/// here.
const ActionInfo kOutlives{"command.run", "goes on when the agent stops", 10s, &testing::make_fake, false,
                           true};

class Resume : public testing::RemediatorTest {
 protected:
  /// An action that ends only when it is cancelled, and says then whether it was left to go on.
  void waits_to_be_left() {
    on_run([this](ActionContext& context, Report& report, const std::string&) -> Status {
      began_ = true;
      context.cancel.wait_for(60s);
      report.goes_on = context.agent_stops();
      return Error(ErrorCode::cancelled, "cancelled");
    });
    start({remedy("restart-web", &kOutlives)});
    pass({alert()});
    ASSERT_TRUE(eventually([this] { return began_.load(); }));
  }
  std::atomic<bool> began_{false};
};

TEST_F(Resume, WhatGoesOnIsLeftOpenAndTakenUpAtTheNextStart) {
  waits_to_be_left();
  remediator_->stop(5s);
  ASSERT_EQ(history().size(), 1u);
  EXPECT_EQ(history()[0].state, RunState::running) << "nobody knows how it ends";
  EXPECT_EQ(history()[0].steps[0].outcome, "");
  EXPECT_EQ(log_.count("run goes on without the agent"), 1u);

  restart({remedy("restart-web", &kOutlives)});
  EXPECT_EQ(log_.count("run taken up"), 1u);
  ASSERT_TRUE(eventually([this] { return ended("interrupted"); }));
  const RunRecord run = history()[0];
  EXPECT_EQ(run.steps[0].outcome, "interrupted");
  EXPECT_EQ(run.reason, "the agent ended while the run was running");
  EXPECT_EQ(runs("interrupted"), 1);
  EXPECT_EQ(log_.count("run interrupted run=" + run.id), 1u);
  EXPECT_EQ(testing::Stage::get().count(), 1u) << "it is not begun again";
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return suppressed("cooldown") == 1; }));
  restart({remedy("restart-web", &kOutlives)});
  EXPECT_EQ(log_.count("run taken up"), 1u) << "a second start finds nothing more to take up";
}

TEST_F(Resume, WhatAPersonCancelsDoesNotGoOn) {
  waits_to_be_left();
  ASSERT_TRUE(remediator_->cancel(remediator_->active().front().id));
  ASSERT_TRUE(eventually([this] { return ended("cancelled"); }));
}

TEST_F(Resume, ARebootLeavesNothingToTakeUp) {
  waits_to_be_left();
  remediator_->stop(5s);
  end();
  struct Rebooted final : Clock {
    WallTime wall() const override { return system_clock().wall(); }
    BootTime boot() const override { return system_clock().boot(); }
    const std::string& boot_id() const override { return id; }
    const std::string id = "another-boot";
  } rebooted;
  clock_ = &rebooted;
  start({remedy("restart-web", &kOutlives)});
  EXPECT_EQ(history()[0].state, RunState::interrupted);
  EXPECT_EQ(log_.count("run taken up"), 0u);
  end();
  clock_ = &system_clock();
}

TEST(PrepareRecorded, ReadsBackWhatWasRecorded) {
  const ActionInfo* const command = find_action("command.run");
  ASSERT_NE(command, nullptr);
  ArgumentValue argv{.shape = ArgumentValue::Shape::list,
                     .texts = {"/bin/echo", "a b"},
                     .pairs = {},
                     .file = {},
                     .where = {}};
  ArgumentValue environment{
      .shape = ArgumentValue::Shape::pairs, .texts = {}, .pairs = {{"A", "secret"}}, .file = {}, .where = {}};
  const std::string json =
      arguments_to_json({{"argv", argv}, {"environment", environment}, {"timeout", testing::text("90s")}});
  const Result<PreparedStep> prepared = prepare_recorded(*command, json);
  ASSERT_TRUE(prepared) << prepared.error().to_string();
  EXPECT_EQ(prepared->timeout, 90s);
  EXPECT_EQ(prepared->arguments_json, json);
  for (const char* damaged : {"", "[]", "{", R"({"argv":[1]})", R"({"no_such":"x"})"}) {
    EXPECT_FALSE(prepare_recorded(*command, damaged)) << damaged;
  }
}

}  // namespace
}  // namespace chiron::remediation
