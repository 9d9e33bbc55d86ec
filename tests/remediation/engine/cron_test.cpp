#include "remediation/engine/cron.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

CronExpression cron(std::string_view text) {
  CronFault fault;
  const std::optional<CronExpression> parsed = CronExpression::parse(text, fault);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << fault.message;
  return parsed.value_or(CronExpression());
}

TimeZone zone(std::string_view name) {
  const Result<TimeZone> found = TimeZone::find(name);
  EXPECT_TRUE(found.ok()) << found.error().to_string();
  return found.value_or(TimeZone());
}

/// "2026-03-29 01:00", UTC.
WallTime utc(const char* text) {
  std::tm parts{};
  EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M", &parts), nullptr) << text;
  return from_ms(std::int64_t{::timegm(&parts)} * 1000);
}
std::string shown(WallTime time) {
  std::string text = to_rfc3339(time).substr(0, 16);
  text[10] = ' ';
  return text;
}

/// The next `count` times after `after`, in UTC.
std::vector<std::string> times(std::string_view expression, const char* after, int count,
                               std::string_view where = "UTC") {
  const CronExpression parsed = cron(expression);
  const TimeZone in = zone(where);
  std::vector<std::string> out;
  WallTime at = utc(after);
  for (int i = 0; i < count; ++i) {
    at = parsed.next(at, in);
    out.push_back(shown(at));
  }
  return out;
}
using Times = std::vector<std::string>;

TEST(Cron, FindsTheTimesOfItsFields) {
  EXPECT_EQ(times("0 3 * * *", "2026-01-31 03:00", 2), (Times{"2026-02-01 03:00", "2026-02-02 03:00"}));
  EXPECT_EQ(times("*/20 * * * *", "2026-01-31 23:39", 3),
            (Times{"2026-01-31 23:40", "2026-02-01 00:00", "2026-02-01 00:20"}));
  EXPECT_EQ(times("5-10/5,30 4,16 * * *", "2026-01-01 04:06", 4),
            (Times{"2026-01-01 04:10", "2026-01-01 04:30", "2026-01-01 16:05", "2026-01-01 16:10"}));
  EXPECT_EQ(times("0 9 * * mon", "2026-01-01 00:00", 2), (Times{"2026-01-05 09:00", "2026-01-12 09:00"}));
  EXPECT_EQ(times("0 0 * JAN-mar Fri-SUN", "2026-01-01 00:00", 3),
            (Times{"2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"}));
  EXPECT_EQ(times("0 0 * * 7", "2026-01-01 00:00", 1), times("0 0 * * 0", "2026-01-01 00:00", 1));
  EXPECT_EQ(times("0 0 29 2 *", "2026-01-01 00:00", 2), (Times{"2028-02-29 00:00", "2032-02-29 00:00"}));
  EXPECT_EQ(times(" 0\t0  1 1 * ", "2026-01-01 00:00", 1), (Times{"2027-01-01 00:00"}));
  EXPECT_EQ(cron("  0  3 * * * ").text(), "0 3 * * *");
}

TEST(Cron, NeverRepeatsTheTimeItWasAskedFrom) {
  const CronExpression daily = cron("0 3 * * *");
  EXPECT_EQ(shown(daily.next(utc("2026-01-31 03:00") - 1ms, TimeZone())), "2026-01-31 03:00");
  EXPECT_EQ(shown(daily.next(utc("2026-01-31 03:00") + 1ms, TimeZone())), "2026-02-01 03:00");
  const CronExpression often = cron("* * * * *");
  EXPECT_EQ(shown(often.next(utc("2026-01-31 03:00"), TimeZone())), "2026-01-31 03:01");
  EXPECT_EQ(shown(often.next(utc("2026-01-31 03:00") - 1ms, TimeZone())), "2026-01-31 03:00");
}

TEST(Cron, NeedsOneOfTwoDaysThatAreBothGiven) {
  // 1 and 15 January 2026 are Thursdays.
  EXPECT_EQ(times("0 0 1,15 * fri", "2026-01-01 12:00", 4),
            (Times{"2026-01-02 00:00", "2026-01-09 00:00", "2026-01-15 00:00", "2026-01-16 00:00"}));
  EXPECT_EQ(times("0 0 */2 * fri", "2026-01-01 12:00", 2), (Times{"2026-01-09 00:00", "2026-01-23 00:00"}));
}

TEST(Cron, KnowsTheNamedOnes) {
  EXPECT_EQ(times("@daily", "2026-01-05 10:00", 1), (Times{"2026-01-06 00:00"}));
  EXPECT_EQ(times("@midnight", "2026-01-05 10:00", 1), (Times{"2026-01-06 00:00"}));
  EXPECT_EQ(times("@hourly", "2026-01-05 10:00", 1), (Times{"2026-01-05 11:00"}));
  EXPECT_EQ(times("@weekly", "2026-01-05 10:00", 1), (Times{"2026-01-11 00:00"}));
  EXPECT_EQ(times("@monthly", "2026-01-05 10:00", 1), (Times{"2026-02-01 00:00"}));
  EXPECT_EQ(times("@Yearly", "2026-01-05 10:00", 1), (Times{"2027-01-01 00:00"}));
}

TEST(Cron, GoesByTheClocksOfItsZone) {
  EXPECT_EQ(times("0 3 * * *", "2026-01-01 00:00", 1, "Europe/Paris"), (Times{"2026-01-01 02:00"}));
  EXPECT_EQ(times("0 3 * * *", "2026-07-01 00:00", 1, "Europe/Paris"), (Times{"2026-07-01 01:00"}));
  EXPECT_EQ(times("30 0 * * mon", "2026-01-04 12:00", 1, "Asia/Kathmandu"), (Times{"2026-01-04 18:45"}));
}

TEST(Cron, RunsWhatWasSkippedOnceAtTheChange) {
  // In Paris 02:00 to 03:00 does not come on 29 March 2026; the clocks change at 01:00 UTC.
  EXPECT_EQ(times("30 2 * * *", "2026-03-28 02:00", 2, "Europe/Paris"),
            (Times{"2026-03-29 01:00", "2026-03-30 00:30"}));
  EXPECT_EQ(times("*/15 2 * * *", "2026-03-28 02:00", 2, "Europe/Paris"),
            (Times{"2026-03-29 01:00", "2026-03-30 00:00"}));
  // Every hour: by the clocks as they are, 01:45 and then 03:00.
  EXPECT_EQ(times("*/15 * * * *", "2026-03-29 00:40", 2, "Europe/Paris"),
            (Times{"2026-03-29 00:45", "2026-03-29 01:00"}));
}

TEST(Cron, RunsWhatComesTwiceTheFirstTime) {
  // In Paris 02:00 to 03:00 comes twice on 25 October 2026: from 00:00 and from 01:00 UTC.
  EXPECT_EQ(times("30 2 * * *", "2026-10-24 12:00", 2, "Europe/Paris"),
            (Times{"2026-10-25 00:30", "2026-10-26 01:30"}));
  EXPECT_EQ(times("30 2,3 * * *", "2026-10-25 00:30", 1, "Europe/Paris"), (Times{"2026-10-25 02:30"}));
  EXPECT_EQ(times("30 * * * *", "2026-10-25 00:00", 3, "Europe/Paris"),
            (Times{"2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"}));
}

TEST(Cron, FollowsAChangeAtMidnight) {
  // Santiago puts its clocks back at midnight: 23:00 to 24:00 of 4 April 2026 comes twice (UTC-3, then
  // UTC-4).
  EXPECT_EQ(times("30 23 * * *", "2026-04-05 02:00", 2, "America/Santiago"),
            (Times{"2026-04-05 02:30", "2026-04-06 03:30"}));
  EXPECT_EQ(times("30 * * * sat", "2026-04-05 02:00", 3, "America/Santiago"),
            (Times{"2026-04-05 02:30", "2026-04-05 03:30", "2026-04-11 04:30"}));
  // And forward: 00:00 of 6 September 2026 does not come.
  EXPECT_EQ(times("0 0 * * *", "2026-09-05 12:00", 2, "America/Santiago"),
            (Times{"2026-09-06 04:00", "2026-09-07 03:00"}));
}

struct Mistake {
  const char* text;
  std::size_t offset, length;
  const char* message;
  const char* hint;
};

class CronMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(CronMistake, IsToldWithItsPlaceAndAHint) {
  CronFault fault;
  EXPECT_FALSE(CronExpression::parse(GetParam().text, fault).has_value());
  EXPECT_EQ(fault.offset, GetParam().offset);
  EXPECT_EQ(fault.length, GetParam().length);
  EXPECT_EQ(fault.message, GetParam().message);
  EXPECT_EQ(fault.hint, GetParam().hint);
}
INSTANTIATE_TEST_SUITE_P(
    All, CronMistake,
    ::testing::Values(
        Mistake{"0 25 * * *", 2, 2, "\"25\" is no hour", "write 0 to 23"},
        Mistake{"60 3 * * *", 0, 2, "\"60\" is no minute", "write 0 to 59"},
        Mistake{"-1 3 * * *", 0, 0, "\"\" is no minute", "write 0 to 59"},
        Mistake{"0 3 0 * *", 4, 1, "\"0\" is no day of month", "write 1 to 31"},
        Mistake{"0 3 * 13 *", 6, 2, "\"13\" is no month",
                "write 1 to 12, or jan feb mar apr may jun jul aug sep oct nov dec"},
        Mistake{"0 3 * * monday", 8, 6, "\"monday\" is no day of week",
                "write 0 to 7, or sun mon tue wed thu fri sat"},
        Mistake{"0 3 L * *", 4, 1, "\"L\" is no day of month", "write 1 to 31"},
        Mistake{"0 22-6 * * *", 2, 4, "the range 22-6 ends before it begins", "write 22-23,0-6"},
        Mistake{"*/0 3 * * *", 0, 3, "\"0\" is no step of the minute", "a step is a number from 1 to 59"},
        Mistake{"5/10 3 * * *", 0, 4, "a step needs a range or *", "write 5-59/10"},
        Mistake{"1,,2 3 * * *", 0, 4, "an element of the list 1,,2 is empty", "take the comma away"},
        Mistake{"1, 3 * * *", 0, 2, "an element of the list 1, is empty", "take the comma away"},
        Mistake{"0 3 30 2 *", 4, 2, "this day never comes",
                "February has 29 days at most, and four months have 30"},
        Mistake{"0 0 3 * * *", 0, 11, "a cron expression has 5 fields, this has 6",
                "there are no seconds, and no user: minute hour day-of-month month day-of-week"},
        Mistake{"", 0, 0, "a cron expression has 5 fields, this has 0",
                "minute hour day-of-month month day-of-week, like 0 3 * * *"},
        Mistake{"@dayly", 0, 6, "there is no @dayly", "did you mean @daily?"},
        Mistake{" @reboot", 1, 7, "there is no @reboot",
                "a schedule goes by the clock; every: 1h first runs 1h after the start"}));

}  // namespace
}  // namespace chiron::remediation
