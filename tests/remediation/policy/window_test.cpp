#include "remediation/policy/window.h"

#include "remediation/policy/policy.h"
#include "tests/support/fake_clock.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using namespace std::chrono_literals;

constexpr auto kFriday = 0b0100000, kSunday = 0b0000001, kWorkdays = 0b0111110;

/// "2026-03-29 01:00", UTC.
WallTime utc(const char* text) {
  std::tm parts{};
  EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M", &parts), nullptr) << text;
  return from_ms(std::int64_t{::timegm(&parts)} * 1000);
}

WindowSpec window(std::bitset<7> days, std::chrono::minutes from, std::chrono::minutes to,
                  std::string_view zone = "Europe/Paris") {
  const Result<TimeZone> found = TimeZone::find(zone);
  EXPECT_TRUE(found.ok()) << found.error().to_string();
  return {days, from, to, found.value_or(TimeZone())};
}

/// "open", or when it opens next, in UTC.
std::string at(const char* now, const std::vector<WindowSpec>& windows) {
  const std::optional<WallTime> until = closed_until(windows, utc(now));
  if (!until) return "open";
  std::string text = to_rfc3339(*until).substr(0, 16);
  text[10] = ' ';
  return text;
}

TEST(Window, IsOpenFromItsFirstMomentToBeforeItsLast) {
  const std::vector<WindowSpec> office{window(kWorkdays, 8h, 18h)};
  EXPECT_EQ(at("2026-11-27 06:59", office), "2026-11-27 07:00");
  EXPECT_EQ(at("2026-11-27 07:00", office), "open");
  EXPECT_EQ(closed_until(office, utc("2026-11-27 17:00") - 1ms), std::nullopt);
  EXPECT_EQ(at("2026-11-27 17:00", office), "2026-11-30 07:00") << "Friday evening: on Monday";
  EXPECT_EQ(at("2026-11-29 12:00", office), "2026-11-30 07:00");
}

TEST(Window, OverMidnightBelongsToTheDayOfItsStart) {
  const std::vector<WindowSpec> night{window(kFriday, 22h, 6h)};
  EXPECT_EQ(at("2026-11-27 03:00", night), "2026-11-27 21:00") << "early on Friday is Thursday's night";
  EXPECT_EQ(at("2026-11-27 21:00", night), "open");
  EXPECT_EQ(at("2026-11-28 04:59", night), "open");
  EXPECT_EQ(at("2026-11-28 05:00", night), "2026-12-04 21:00");
  EXPECT_EQ(at("2026-11-28 22:00", night), "2026-12-04 21:00");
}

TEST(Window, WholeDaysEndAtTheirMidnight) {
  const std::vector<WindowSpec> sundays{window(kSunday, 0h, 24h)};
  EXPECT_EQ(at("2026-11-28 22:59", sundays), "2026-11-28 23:00");
  EXPECT_EQ(at("2026-11-28 23:00", sundays), "open");
  EXPECT_EQ(at("2026-11-29 22:59", sundays), "open");
  EXPECT_EQ(at("2026-11-29 23:00", sundays), "2026-12-05 23:00");
}

TEST(Window, OfSeveralOneIsEnough) {
  const std::vector<WindowSpec> both{window(kFriday, 8h, 10h),
                                     window(kWorkdays, 20h, 21h, "America/New_York")};
  EXPECT_EQ(at("2026-11-27 08:00", both), "open");
  EXPECT_EQ(at("2026-11-27 09:00", both), "2026-11-28 01:00");
  EXPECT_EQ(at("2026-11-28 01:30", both), "open");
  EXPECT_EQ(at("2026-11-28 02:00", both), "2026-12-01 01:00");
  EXPECT_EQ(at("2026-11-28 02:00", {}), "open") << "without a window nothing is closed";
}

TEST(Window, HoursThatClocksSkipAreTheMomentOfTheChange) {
  // Paris, 2026-03-29: 01:59:59 is followed by 03:00:00, at 01:00 UTC.
  const std::vector<WindowSpec> opens_within{window(kSunday, 2h + 30min, 4h)};
  EXPECT_EQ(at("2026-03-29 00:59", opens_within), "2026-03-29 01:00");
  EXPECT_EQ(at("2026-03-29 01:00", opens_within), "open");
  EXPECT_EQ(at("2026-03-29 02:00", opens_within), "2026-04-05 00:30");
  const std::vector<WindowSpec> closes_within{window(kSunday, 1h, 2h + 30min)};
  EXPECT_EQ(at("2026-03-29 00:59", closes_within), "open");
  EXPECT_EQ(at("2026-03-29 01:00", closes_within), "2026-04-04 23:00");
  const std::vector<WindowSpec> skipped{window(kSunday, 2h + 15min, 2h + 45min)};
  EXPECT_EQ(at("2026-03-29 00:59", skipped), "2026-04-05 00:15") << "not at all on that day";
  EXPECT_EQ(at("2026-03-29 01:00", skipped), "2026-04-05 00:15");
}

TEST(Window, OfHoursThatComeTwiceTheFirstCount) {
  // Paris, 2026-10-25: 02:59:59 is followed by 02:00:00, at 01:00 UTC.
  const std::vector<WindowSpec> within{window(0b1111111, 2h + 15min, 2h + 45min)};
  EXPECT_EQ(at("2026-10-25 00:15", within), "open");
  EXPECT_EQ(at("2026-10-25 00:45", within), "2026-10-26 01:15");
  EXPECT_EQ(at("2026-10-25 01:20", within), "2026-10-26 01:15");
  const std::vector<WindowSpec> around{window(kSunday, 2h + 30min, 4h)};
  EXPECT_EQ(at("2026-10-25 00:29", around), "2026-10-25 00:30");
  EXPECT_EQ(at("2026-10-25 01:10", around), "open") << "02:10 again";
  EXPECT_EQ(at("2026-10-25 02:59", around), "open");
  EXPECT_EQ(at("2026-10-25 03:00", around), "2026-11-01 01:30");
}

TEST(Window, OfADayThatAZoneSkipsNeverOpens) {
  // Samoa had no 30 December 2011, a Friday; it crossed the date line at 10:00 UTC.
  const std::vector<WindowSpec> fridays{window(kFriday, 0h, 24h, "Pacific/Apia")};
  EXPECT_EQ(at("2011-12-30 09:59", fridays), "2012-01-05 10:00");
  EXPECT_EQ(at("2011-12-30 10:00", fridays), "2012-01-05 10:00");
}

TEST(Window, SaysItsDaysAndHours) {
  EXPECT_EQ(to_string(window(kWorkdays, 8h, 18h)), "mon-fri 08:00-18:00 (Europe/Paris)");
  EXPECT_EQ(to_string(window(0b1000101, 22h, 6h + 5min, "UTC")), "tue,sat-sun 22:00-06:05 (UTC)");
  EXPECT_EQ(to_string(window(0b1111111, 0h, 24h, "UTC")), "daily 00:00-24:00 (UTC)");
}

class WindowPolicy : public ::testing::Test {
 protected:
  WindowPolicy() { policy_.windows = {window(kWorkdays, 8h, 18h, "UTC")}; }
  Decision decide() const { return book_.decide("web", "nginx.service", policy_); }

  testing::FakeClock clock_;  // Tuesday 2023-11-14 22:13:20
  PolicyBook book_{clock_};
  PolicySpec policy_{.mode = Mode::automatic, .cooldown = 5min, .budget_runs = 1, .budget_per = 1h};
};

TEST_F(WindowPolicy, HoldsARemedyBackUntilItOpens) {
  EXPECT_EQ(decide().reason, Suppression::window);
  EXPECT_EQ(decide().detail,
            "it acts mon-fri 08:00-18:00 (UTC) only; opens again at 2023-11-15 08:00:00 UTC");
  EXPECT_EQ(decide().retry_in, 9h + 46min + 40s);
  clock_.advance(*decide().retry_in - 1ms);
  EXPECT_EQ(decide().reason, Suppression::window);
  clock_.advance(1ms);
  EXPECT_EQ(decide().reason, Suppression::none);
}

TEST_F(WindowPolicy, GoesByWhatTheWallClockSaysNow) {
  clock_.jump_wall(12h);
  EXPECT_EQ(decide().reason, Suppression::none);
  clock_.jump_wall(-12h);
  EXPECT_EQ(decide().reason, Suppression::window);
}

TEST_F(WindowPolicy, AnEmptyBudgetStaysExhaustedWhileItIsClosedAndADryRunSaysThatItIs) {
  book_.note_attempt("web", "nginx.service", moment_now(clock_));
  clock_.advance(10min);
  EXPECT_EQ(decide().reason, Suppression::budget) << "somebody should look, whatever the hour";
  clock_.advance(1h);
  policy_.mode = Mode::dry_run;
  EXPECT_EQ(decide().reason, Suppression::window);
}

}  // namespace
}  // namespace chiron::remediation
