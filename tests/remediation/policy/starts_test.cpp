#include "remediation/policy/starts.h"

#include "tests/support/fake_clock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class StartsTest : public ::testing::Test {
 protected:
  void run(Duration before_next = 1min) {
    RunRecord one;
    one.id = fmt::format("run-{}", runs_.size());
    one.state = RunState::succeeded;
    one.trigger = "alert";
    one.started = moment_now(clock_);
    runs_.push_back(one);
    clock_.advance(before_next);
  }
  bool start(bool interrupted = false) {
    starts_ = *Starts::parse(saved_);
    starts_.begin(clock_, interrupted);
    saved_ = starts_.save();
    return starts_.is_loop(runs_, clock_);
  }
  void stop() {
    starts_.end();
    saved_ = starts_.save();
  }

  testing::FakeClock clock_;
  Starts starts_;
  std::string saved_;
  std::vector<RunRecord> runs_;
};

TEST_F(StartsTest, ThreeAfterThreeRunsAreALoop) {
  EXPECT_FALSE(start());
  for (int i = 0; i < 3; ++i) {
    run();
    EXPECT_EQ(start(), i == 2) << i;
  }
  starts_.forget();
  saved_ = starts_.save();
  run();
  EXPECT_FALSE(start()) << "it takes three more";
}

TEST_F(StartsTest, ProperEndsOnOneBootAreNoLoopUnlessTheyInterruptedARun) {
  start();
  for (int i = 0; i < 4; ++i) {
    run();
    stop();
    EXPECT_FALSE(start());
  }
  for (int i = 0; i < 3; ++i) {
    run();
    stop();
    EXPECT_EQ(start(true), i == 2);
  }
}

TEST_F(StartsTest, AHostThatIsRebootedEachTimeIsALoopHoweverProperlyItEnds) {
  start();
  for (int i = 0; i < 3; ++i) {
    run(10s);
    stop();
    clock_.advance(1min);
    clock_.reboot(fmt::format("boot-{}", i + 2), 20s);
    EXPECT_EQ(start(), i == 2) << i;
  }
}

TEST_F(StartsTest, StartsWithoutRunsAfterOneRunOrFarApartAreNone) {
  start();
  for (int i = 0; i < 4; ++i) {
    clock_.advance(1min);
    EXPECT_FALSE(start()) << "no run";
  }
  run();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(start()) << "one run for all of them";
  for (int i = 0; i < 4; ++i) {
    run(20min);
    EXPECT_FALSE(start()) << "long after its run";
  }
  for (int i = 0; i < 4; ++i) {
    clock_.advance(20min);
    run();
    EXPECT_FALSE(start()) << "not within half an hour";
  }
}

TEST_F(StartsTest, WhatIsDamagedIsRefused) {
  for (const char* text : {"{", "[]", "{}", R"({"ended_well":1,"boot_id":"x","starts":[]})"}) {
    EXPECT_FALSE(Starts::parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace chiron::remediation
