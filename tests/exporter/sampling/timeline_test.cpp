#include "exporter/sampling/timeline.h"

#include "tests/support/fake_clock.h"

namespace chiron {
namespace {

using namespace std::chrono_literals;

TEST(Timeline, FollowsAWallClockSetForwardAtOnce) {
  testing::FakeClock clock;
  Timeline timeline(clock);
  const TimestampMs start = timeline.now();
  clock.advance(5s);
  clock.jump_wall(1h);
  EXPECT_EQ(timeline.now(), start + 5000 + 3'600'000);
  EXPECT_EQ(timeline.ahead(), 0);
}

TEST(Timeline, GoesOnAtItsPaceWhenTheWallClockIsSetBack) {
  testing::FakeClock clock;
  Timeline timeline(clock);
  const TimestampMs start = timeline.now();
  clock.jump_wall(-1h);
  clock.advance(5s);
  EXPECT_EQ(timeline.now(), start + 5000);
  EXPECT_EQ(timeline.ahead(), 3'600'000);
  clock.jump_wall(1h);
  clock.advance(5s);
  EXPECT_EQ(timeline.now(), start + 10'000);
  EXPECT_EQ(timeline.ahead(), 0);
}

}  // namespace
}  // namespace chiron
