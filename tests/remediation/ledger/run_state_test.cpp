#include "remediation/ledger/ledger.h"
#include "tests/support/fake_clock.h"

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

TEST(RunState, EveryNameReadsBack) {
  for (int i = 0; i <= static_cast<int>(RunState::interrupted); ++i) {
    const auto state = static_cast<RunState>(i);
    EXPECT_EQ(parse_run_state(to_string(state)), state);
  }
  EXPECT_EQ(parse_run_state("done"), std::nullopt);
}

TEST(Age, WithinOneBootTheWallClockDoesNotMatter) {
  testing::FakeClock clock;
  const Moment then = moment_now(clock);
  clock.advance(90s);
  clock.jump_wall(1h);
  EXPECT_EQ(age(then, clock), 90s);
  clock.jump_wall(-3h);
  EXPECT_EQ(age(then, clock), 90s);
}

TEST(Age, OverARebootItIsAtLeastTheUptime) {
  testing::FakeClock clock;
  const Moment then = moment_now(clock);
  clock.advance(10min);
  clock.reboot("boot-2", 30s);
  EXPECT_EQ(age(then, clock), 10min);
  clock.jump_wall(-1h);
  EXPECT_EQ(age(then, clock), 30s);
}

TEST(Age, OfAMomentThatCannotBeIsBounded) {
  testing::FakeClock clock;
  Moment then = moment_now(clock);
  then.boot_id = "boot-0";
  then.wall = from_ms(std::numeric_limits<std::int64_t>::min() / 2);
  EXPECT_GT(age(then, clock), 24h * 365);
  then.wall = from_ms(std::numeric_limits<std::int64_t>::max() / 2);
  EXPECT_EQ(age(then, clock), 1h);
}

}  // namespace
}  // namespace chiron::remediation
