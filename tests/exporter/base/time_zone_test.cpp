#include "exporter/base/time_zone.h"

#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <optional>
#include <thread>

namespace chiron {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::local_days;
using Kind = TimeZone::Instants::Kind;

TimeZone zone(std::string_view name) {
  const Result<TimeZone> found = TimeZone::find(name);
  EXPECT_TRUE(found.ok()) << found.error().to_string();
  return found.value_or(TimeZone());
}

LocalTime local(int year, unsigned month, unsigned day, Duration of_day = {}) {
  return local_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)) +
         std::chrono::duration_cast<std::chrono::seconds>(of_day);
}

WallTime utc(int year, unsigned month, unsigned day, Duration of_day = {}) {
  return WallTime(std::chrono::milliseconds(local(year, month, day, of_day).time_since_epoch()));
}

/// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(TimeZone, TellsTheLocalTimeOfAnInstant) {
  const WallTime instant = utc(2026, 1, 5, 23h + 30min) + 999ms;
  EXPECT_EQ(TimeZone().to_local(instant), local(2026, 1, 5, 23h + 30min));
  EXPECT_EQ(zone("UTC").to_local(instant), local(2026, 1, 5, 23h + 30min));
  const LocalTime paris = zone("Europe/Paris").to_local(instant);
  EXPECT_EQ(paris, local(2026, 1, 6, 0h + 30min));
  EXPECT_EQ(std::chrono::weekday(std::chrono::floor<days>(paris)), std::chrono::Tuesday);
  EXPECT_EQ(zone("Asia/Kathmandu").to_local(instant), local(2026, 1, 6, 5h + 15min));
  EXPECT_EQ(zone("America/Los_Angeles").to_local(utc(2026, 7, 1, 6h)), local(2026, 6, 30, 23h));
  // Before the epoch a part of a second counts down, not towards zero.
  EXPECT_EQ(TimeZone().to_local(from_ms(-1)), local(1969, 12, 31, 23h + 59min + 59s));
}

TEST(TimeZone, FindsTheInstantOfALocalTime) {
  const TimeZone::Instants paris = zone("Europe/Paris").to_instants(local(2026, 7, 1, 3h));
  EXPECT_EQ(paris.kind, Kind::once);
  EXPECT_EQ(paris.first, utc(2026, 7, 1, 1h));
  EXPECT_EQ(paris.second, paris.first);
  EXPECT_EQ(TimeZone().to_instants(local(2026, 7, 1, 3h)).first, utc(2026, 7, 1, 3h));
}

TEST(TimeZone, SaysThatALocalTimeNeverComes) {
  const TimeZone paris = zone("Europe/Paris");
  const WallTime change = utc(2026, 3, 29, 1h);
  for (const Duration skipped : {Duration(2h), Duration(2h + 59min + 59s)}) {
    const TimeZone::Instants none = paris.to_instants(local(2026, 3, 29, skipped));
    EXPECT_EQ(none.kind, Kind::never);
    EXPECT_EQ(none.first, change);
    EXPECT_EQ(none.second, change);
  }
  EXPECT_EQ(paris.to_instants(local(2026, 3, 29, 3h)).kind, Kind::once);
  EXPECT_EQ(paris.to_instants(local(2026, 3, 29, 3h)).first, change);
  // Half an hour, and at two o'clock in the southern spring.
  EXPECT_EQ(zone("Australia/Lord_Howe").to_instants(local(2026, 10, 4, 2h + 15min)).kind, Kind::never);
  EXPECT_EQ(zone("Australia/Lord_Howe").to_instants(local(2026, 10, 4, 2h + 30min)).kind, Kind::once);
}

TEST(TimeZone, SaysThatALocalTimeComesTwice) {
  const TimeZone::Instants both = zone("Europe/Paris").to_instants(local(2026, 10, 25, 2h + 30min));
  EXPECT_EQ(both.kind, Kind::twice);
  EXPECT_EQ(both.first, utc(2026, 10, 25, 0h + 30min));
  EXPECT_EQ(both.second, utc(2026, 10, 25, 1h + 30min));
}

TEST(TimeZone, TellsAMistypedNameFromAWrongOne) {
  const auto message = [](std::string_view name) {
    const Result<TimeZone> found = TimeZone::find(name);
    EXPECT_FALSE(found.ok()) << name;
    return found.ok() ? std::string() : found.error().to_string();
  };
  EXPECT_EQ(message("Europe/Pariss"), "there is no time zone \"Europe/Pariss\"; did you mean Europe/Paris?");
  EXPECT_EQ(message("europe/paris"), "there is no time zone \"europe/paris\"; did you mean Europe/Paris?");
  EXPECT_EQ(message("Paris"), "there is no time zone \"Paris\"; did you mean Europe/Paris?");
  EXPECT_EQ(message("local"), "there is no time zone \"local\"; did you mean Local?");
  for (const char* none :
       {"", "/etc/localtime", "../zoneinfo/Europe/Paris", "Europe/../Europe/Paris", "Europe",
        "libc:localtime", "Fixed/UTC+05:30:00", "right/Europe/Paris", "tzdata.zi", "CET-1CEST"})
    EXPECT_NE(message(none).find("there is no time zone"), std::string::npos) << none;
}

TEST(TimeZone, SaysWhatToInstallWhereThereIsNoDatabase) {
  const testing::TempDir empty;
  const Variable directory("TZDIR", empty.path().c_str());
  const Result<TimeZone> found = TimeZone::find("Europe/Lisbon");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), ErrorCode::unavailable);
  EXPECT_NE(found.error().message().find("`apt install tzdata`"), std::string::npos)
      << found.error().message();
  EXPECT_TRUE(TimeZone::find("UTC").ok());
}

TEST(TimeZone, RefusesADamagedFile) {
  const testing::TempDir database;
  database.write("Etc/UTC", "");
  database.write("Atlantis/Poseidonis", "TZif2 and then nonsense");
  const Variable directory("TZDIR", database.path().c_str());
  const Result<TimeZone> found = TimeZone::find("Atlantis/Poseidonis");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), ErrorCode::corrupt);
}

TEST(TimeZone, TakesLocalFromTheEnvironment) {
  const WallTime noon = utc(2026, 1, 1, 12h);
  {
    const Variable set("TZ", "Asia/Tokyo");
    EXPECT_EQ(zone("Local").to_local(noon), local(2026, 1, 1, 21h));
    EXPECT_EQ(zone("Local").name(), "Local");
  }
  {
    const Variable set("TZ", ":/usr/share/zoneinfo/Asia/Tokyo");
    EXPECT_EQ(zone("Local").to_local(noon), local(2026, 1, 1, 21h));
  }
  {
    const Variable set("TZ", "");
    EXPECT_EQ(zone("Local").to_local(noon), local(2026, 1, 1, 12h));
  }
  {
    const Variable set("TZ", "Asia/Tokio");
    const Result<TimeZone> found = TimeZone::find("Local");
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().to_string(),
              "the variable TZ: there is no time zone \"Asia/Tokio\"; did you mean Asia/Tokyo?");
  }
  const Variable unset("TZ", nullptr);
  EXPECT_TRUE(TimeZone::find("Local").ok());
}

TEST(TimeZone, AnswersSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int hour = 0; hour < 2000; ++hour) {
        const Result<TimeZone> berlin = TimeZone::find("Europe/Berlin");
        ASSERT_TRUE(berlin.ok());
        const WallTime instant = utc(2026, 1, 1) + hour * 1h;
        const TimeZone::Instants back = berlin->to_instants(berlin->to_local(instant));
        ASSERT_TRUE(back.first == instant || back.second == instant);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace chiron
