#include "agent/time_text.h"

namespace chiron::agent {
namespace {

TEST(TimeText, ReadsUnixSecondsAndRfc3339) {
  EXPECT_EQ(parse_time("1767225600"), 1767225600000);
  EXPECT_EQ(parse_time("1767225600.5"), 1767225600500);
  EXPECT_EQ(parse_time("-1.5"), -1500);
  EXPECT_EQ(parse_time("2026-01-01T00:00:00Z"), 1767225600000);
  EXPECT_EQ(parse_time("2026-01-01T01:30:00.1239+01:30"), 1767225600123);
  EXPECT_EQ(parse_time("2026-01-01T00:00:00,5Z"), 1767225600500);
  EXPECT_EQ(parse_time("2024-02-29T00:00:00Z"), 1709164800000);
}

// time.Unix(int64(s), int64(ns*1e9)) of a fraction rounded to three digits.
TEST(TimeText, RoundsTheFractionForItself) {
  EXPECT_EQ(parse_time("1.0005"), 1000);
  EXPECT_EQ(parse_time("1.0006"), 1001);
  EXPECT_EQ(parse_time("0.9996"), 1000);
  EXPECT_EQ(parse_time("-1.0006"), -1001);
  EXPECT_EQ(parse_time("-0.25"), -250);
}

TEST(TimeText, TakesFarNumbersForTheFarthestTime) {
  EXPECT_EQ(parse_time("9e15"), kLatest);
  EXPECT_EQ(parse_time("8999999999999999"), kLatest - 1000);
  for (const char* text : {"1e16", "1e300", "inf", "+Inf"}) EXPECT_EQ(parse_time(text), kLatest) << text;
  for (const char* text : {"-9e15", "-1e300", "-inf", "nan"}) EXPECT_EQ(parse_time(text), kEarliest) << text;
}

TEST(TimeText, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+1", "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01t00:00:00Z", "2026-01-01T00:00:00z", "2026-01-01 00:00:00Z"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace chiron::agent
