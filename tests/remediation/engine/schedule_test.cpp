#include "remediation/engine/schedule.h"

#include "tests/support/fake_clock.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;
using chiron::testing::FakeClock;
using Kind = Turn::Kind;

ScheduleSpec cron(std::string_view text, std::string_view zone = "UTC") {
  CronFault fault;
  ScheduleSpec spec;
  spec.cron = CronExpression::parse(text, fault);
  EXPECT_TRUE(spec.cron.has_value()) << fault.message;
  spec.zone = TimeZone::find(zone).value_or(TimeZone());
  return spec;
}
ScheduleSpec every(Duration length) {
  ScheduleSpec spec;
  spec.every = length;
  return spec;
}

/// A schedule under a fake clock, looked at now and then as the agent does it.
class Watched {
 public:
  explicit Watched(ScheduleSpec spec, Duration jitter = {})
      : spec_(std::move(spec)), jitter_(jitter), progress_(first_sight(spec_, jitter_, clock)) {}

  /// One look; what it asks for is taken.
  Kind look() {
    const Turn turn = turn_of(spec_, progress_, jitter_, clock);
    at = turn.at;
    progress_ = turn.after;
    return turn.kind;
  }
  /// Time passes, looked at every `step`; how often it ran.
  int runs(Duration length, Duration step = 5s) {
    int count = 0;
    for (Duration passed{}; passed < length; passed += step) {
      clock.advance(step);
      count += look() == Kind::run;
    }
    return count;
  }
  /// Nobody looks.
  void down(Duration length) { clock.advance(length); }
  void set_wall(const char* text) {
    std::tm parts{};
    EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M:%S", &parts), nullptr) << text;
    clock.jump_wall(from_ms(std::int64_t{::timegm(&parts)} * 1000) - clock.wall());
  }
  void anew() { progress_ = first_sight(spec_, jitter_, clock); }

  FakeClock clock;
  WallTime at;

 private:
  const ScheduleSpec spec_;
  const Duration jitter_;
  Progress progress_;
};

/// At a time of its own, seen for the first time then.
struct WatchedFrom : Watched {
  WatchedFrom(const char* wall, ScheduleSpec spec, Duration jitter = {}) : Watched(std::move(spec), jitter) {
    set_wall(wall);
    anew();
  }
};

TEST(Schedule, RunsAtTheTimesOfCron) {
  WatchedFrom daily("2026-03-10 02:59:00", cron("0 3 * * *"));
  EXPECT_EQ(daily.look(), Kind::wait);
  EXPECT_EQ(to_rfc3339(daily.at), "2026-03-10T03:00:00.000Z");
  EXPECT_EQ(daily.runs(55s), 0);
  EXPECT_EQ(daily.runs(10s), 1);
  EXPECT_EQ(daily.runs(23h), 0);
  EXPECT_EQ(daily.runs(1h), 1);
}

TEST(Schedule, MakesUpForNothingBeforeItWasFirstSeen) {
  WatchedFrom daily("2026-03-10 03:00:01", cron("0 3 * * *"));
  EXPECT_EQ(daily.runs(10min), 0);
}

TEST(Schedule, IsStillOnTimeAfterAShortRestart) {
  WatchedFrom daily("2026-03-10 02:59:00", cron("0 3 * * *"));
  daily.down(5min);
  EXPECT_EQ(daily.look(), Kind::run);
  EXPECT_EQ(daily.look(), Kind::wait);
}

TEST(Schedule, TellsOnceWhatItMissed) {
  WatchedFrom daily("2026-03-10 02:59:00", cron("0 3 * * *"));
  daily.down(3 * 24h + 2h);
  EXPECT_EQ(daily.look(), Kind::missed);
  EXPECT_EQ(to_rfc3339(daily.at), "2026-03-10T03:00:00.000Z");
  EXPECT_EQ(daily.look(), Kind::wait);
  EXPECT_EQ(to_rfc3339(daily.at), "2026-03-14T03:00:00.000Z");
}

TEST(Schedule, CatchesUpOnceHoweverLongItWasDown) {
  ScheduleSpec spec = cron("*/10 * * * *");
  spec.catch_up = true;
  WatchedFrom often("2026-03-10 02:59:00", spec);
  often.down(30 * 24h + 7min);
  EXPECT_EQ(often.look(), Kind::run);
  EXPECT_EQ(often.runs(2min), 0);
  EXPECT_EQ(often.runs(10min), 1);
}

TEST(Schedule, OfSeveralTimesAtOnceRunsOne) {
  WatchedFrom often("2026-03-10 02:59:30", cron("* * * * *"));
  often.down(4min);
  EXPECT_EQ(often.look(), Kind::run);
  EXPECT_EQ(to_rfc3339(often.at), "2026-03-10T03:03:00.000Z");
  EXPECT_EQ(often.look(), Kind::wait);
}

TEST(Schedule, DoesNotRepeatATimeWhenTheClockIsPutBack) {
  WatchedFrom daily("2026-03-10 02:59:00", cron("0 3 * * *"));
  EXPECT_EQ(daily.runs(2min), 1);
  daily.clock.jump_wall(-2h);
  EXPECT_EQ(daily.runs(4h), 0);
}

TEST(Schedule, GoesByTheNewTimeWhenTheClockWasWrong) {
  WatchedFrom daily("2036-03-10 02:59:00", cron("0 3 * * *"));
  EXPECT_EQ(daily.runs(2min), 1);
  daily.set_wall("2026-03-10 12:00:00");
  EXPECT_EQ(daily.look(), Kind::anew);
  EXPECT_EQ(daily.look(), Kind::wait);
  EXPECT_EQ(to_rfc3339(daily.at), "2026-03-11T03:00:00.000Z");
  EXPECT_EQ(daily.runs(24h), 1);
}

TEST(Schedule, AWallClockThatLeapsForwardIsNoStorm) {
  WatchedFrom often("2026-03-10 02:59:30", cron("* * * * *"));
  often.clock.jump_wall(365 * 24h);
  // The newest of half a million times is on time.
  EXPECT_EQ(often.look(), Kind::run);
  EXPECT_EQ(often.look(), Kind::wait);
  EXPECT_EQ(often.runs(1min), 1);
}

TEST(Schedule, RunsOnceOnTheDaysWhenTheClocksChange) {
  for (const char* day : {"2026-03-28 12:00:00", "2026-10-24 12:00:00"}) {
    WatchedFrom nightly(day, cron("30 2 * * *", "Europe/Paris"));
    EXPECT_EQ(nightly.runs(24h, 30s), 1) << day;
    EXPECT_EQ(nightly.runs(24h, 30s), 1) << day;
  }
}

TEST(Schedule, RunsFirstOneIntervalAfterTheStart) {
  Watched often(every(6h));
  EXPECT_EQ(often.runs(6h - 5s), 0);
  EXPECT_EQ(often.runs(5s), 1);
  // What a look comes too late by does not add up: four runs of a day stay four.
  EXPECT_EQ(often.runs(24h, 7s), 4);
}

TEST(Schedule, AnIntervalIgnoresTheWallClock) {
  Watched often(every(1h));
  EXPECT_EQ(often.runs(30min), 0);
  often.clock.jump_wall(1000h);
  EXPECT_EQ(often.runs(29min), 0);
  often.clock.jump_wall(-2000h);
  EXPECT_EQ(often.runs(2min), 1);
}

TEST(Schedule, AnIntervalBeginsAnewAfterALongAbsence) {
  Watched often(every(1h));
  often.down(50h);
  EXPECT_EQ(often.look(), Kind::anew);
  EXPECT_EQ(often.runs(1h - 5s), 0);
  EXPECT_EQ(often.runs(5s), 1);
  ScheduleSpec spec = every(1h);
  spec.catch_up = true;
  Watched made_up(spec);
  made_up.down(50h);
  EXPECT_EQ(made_up.look(), Kind::run);
  EXPECT_EQ(made_up.runs(59min), 0);
}

TEST(Schedule, AnIntervalGoesOnOverAReboot) {
  Watched often(every(6h));
  EXPECT_EQ(often.runs(5h), 0);
  often.clock.reboot("boot-2", 30s);
  EXPECT_EQ(often.runs(59min), 0);
  EXPECT_EQ(often.runs(2min), 1);
}

TEST(Schedule, IsLaterByItsJitterEveryTime) {
  WatchedFrom daily("2026-03-10 02:59:00", cron("0 3 * * *"), 4min);
  EXPECT_EQ(daily.look(), Kind::wait);
  EXPECT_EQ(to_rfc3339(daily.at), "2026-03-10T03:04:00.000Z");
  EXPECT_EQ(daily.runs(5min - 5s), 0);
  EXPECT_EQ(daily.runs(5s), 1);
  EXPECT_EQ(daily.runs(24h - 5s), 0);
  EXPECT_EQ(daily.runs(5s), 1);
  Watched often(every(1h), 10min);
  EXPECT_EQ(often.runs(70min - 5s), 0);
  EXPECT_EQ(often.runs(5s), 1);
  EXPECT_EQ(often.runs(1h), 1);
}

TEST(Schedule, JitterIsTheHostsOwnAndSpreadsAFleet) {
  ScheduleSpec spec = every(1h);
  EXPECT_EQ(jitter_of(spec, "host", "clean-up"), Duration::zero());
  spec.jitter = 10min;
  EXPECT_EQ(jitter_of(spec, "host", "clean-up"), jitter_of(spec, "host", "clean-up"));
  EXPECT_NE(jitter_of(spec, "host", "clean-up"), jitter_of(spec, "host", "report"));
  std::set<std::int64_t> minutes;
  for (int i = 0; i < 200; ++i) {
    const Duration one = jitter_of(spec, fmt::format("{:032x}", i), "clean-up");
    EXPECT_GE(one, Duration::zero());
    EXPECT_LT(one, 10min);
    minutes.insert(std::chrono::floor<std::chrono::minutes>(one).count());
  }
  EXPECT_EQ(minutes.size(), 10U);
}

TEST(Schedule, SaysWhatItIs) {
  EXPECT_EQ(to_string(every(6h)), "every 6h");
  EXPECT_EQ(to_string(cron("0  3 * * *", "Europe/Paris")), "0 3 * * * (Europe/Paris)");
}

}  // namespace
}  // namespace chiron::remediation
