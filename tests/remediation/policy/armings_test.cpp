#include "remediation/policy/armings.h"

#include "tests/support/fake_clock.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

class ArmingsTest : public ::testing::Test {
 protected:
  Armings armed(const Armings::Lengths& lengths) {
    Armings armings(clock_);
    armings.want(lengths);
    return armings;
  }
  /// What an agent knows that starts now.
  Armings restarted(const Armings& before, const Armings::Lengths& lengths) {
    Armings armings = armed(lengths);
    const Status restored = armings.restore(before.save());
    EXPECT_TRUE(restored.ok());
    return armings;
  }

  testing::FakeClock clock_;
};

TEST_F(ArmingsTest, EndAfterTheirTimeWhateverTheWallClockDoes) {
  Armings armings = armed({{"web", 30min}});
  clock_.advance(30min - 1ms);
  clock_.jump_wall(48h);
  EXPECT_FALSE(armings.is_over("web"));
  clock_.jump_wall(-96h);
  clock_.advance(1ms);
  EXPECT_TRUE(armings.is_over("web"));
  EXPECT_FALSE(armings.is_over("other"));
  EXPECT_EQ(armings.until(*armings.find("web")), clock_.wall());
}

TEST_F(ArmingsTest, GoOnOverRestartsAndReboots) {
  const Armings first = armed({{"web", 30min}});
  clock_.advance(10min);
  const Armings second = restarted(first, {{"web", 30min}});
  clock_.reboot("boot-2", 1min);
  clock_.advance(20min - 1s);
  const Armings third = restarted(second, {{"web", 30min}});
  EXPECT_FALSE(third.is_over("web"));
  clock_.advance(1s);
  EXPECT_TRUE(third.is_over("web"));
}

TEST_F(ArmingsTest, BeginAgainWhenTheLengthChangesOrTheyWereTakenAway) {
  Armings armings = armed({{"web", 30min}, {"disk", 30min}});
  EXPECT_FALSE(armings.want({{"web", 30min}, {"disk", 30min}}));
  clock_.advance(20min);
  EXPECT_TRUE(armings.want({{"web", 31min}, {"disk", 30min}}));
  EXPECT_EQ(armings.until(*armings.find("web")), clock_.wall() + 31min);
  EXPECT_EQ(armings.until(*armings.find("disk")), clock_.wall() + 10min);
  EXPECT_TRUE(armings.want({{"web", 31min}}));
  EXPECT_TRUE(armings.want({{"web", 31min}, {"disk", 30min}}));
  EXPECT_EQ(armings.until(*armings.find("disk")), clock_.wall() + 30min);
}

TEST_F(ArmingsTest, ChangedWhileTheAgentWasDownBeginAgainToo) {
  const Armings before = armed({{"web", 30min}, {"disk", 30min}});
  clock_.advance(20min);
  const Armings after = restarted(before, {{"web", 1h}});
  EXPECT_EQ(after.until(*after.find("web")), clock_.wall() + 1h);
  EXPECT_EQ(after.find("disk"), nullptr);
}

TEST_F(ArmingsTest, AreToldOnceToBeOver) {
  Armings armings = armed({{"web", 30min}, {"disk", 1h}});
  EXPECT_EQ(armings.tell_over(), std::vector<std::string>());
  clock_.advance(45min);
  EXPECT_EQ(armings.tell_over(), std::vector<std::string>{"web"});
  EXPECT_EQ(armings.tell_over(), std::vector<std::string>());
  Armings after = restarted(armings, {{"web", 30min}, {"disk", 1h}});
  EXPECT_EQ(after.tell_over(), std::vector<std::string>());
  EXPECT_TRUE(after.want({{"web", 20min}, {"disk", 1h}}));
  clock_.advance(20min);
  EXPECT_EQ(after.tell_over(), (std::vector<std::string>{"disk", "web"}));
}

TEST_F(ArmingsTest, SaveNothingWhenNothingIsArmedAndRefuseDamage) {
  EXPECT_EQ(armed({}).save(), "");
  Armings armings = armed({{"web", 30min}});
  EXPECT_TRUE(armings.restore("").ok());
  for (const char* text : {"{", "[1]", R"({"web":{"since":1}})", R"({"web":{"length_ns":"x"}})"}) {
    EXPECT_EQ(armings.restore(text).error().code(), ErrorCode::corrupt) << text;
  }
  EXPECT_FALSE(armings.is_over("web"));
}

}  // namespace
}  // namespace chiron::remediation
