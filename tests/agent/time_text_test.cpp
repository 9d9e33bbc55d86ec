#include "agent/time_text.h"

namespace chiron::agent {
namespace {

TEST(TimeText, ReadsUnixSecondsAndRfc3339) {
  EXPECT_EQ(parse_time("1767225600"), 1767225600000);
  EXPECT_EQ(parse_time("1767225600.5"), 1767225600500);
  EXPECT_EQ(parse_time("-1.5"), -1500);
  EXPECT_EQ(parse_time("2026-01-01T00:00:00Z"), 1767225600000);
  EXPECT_EQ(parse_time("2026-01-01T01:30:00.1239+01:30"), 1767225600123);
  EXPECT_EQ(parse_time("2025-12-31t23:00:00-01:00"), 1767225600000);
  EXPECT_EQ(parse_time("2024-02-29T00:00:00Z"), 1709164800000);
}

TEST(TimeText, RefusesWhatIsNoTime) {
  for (const char* text : {"", "now", "inf", "nan", "1e300", "2026-01-01", "2026-01-01T00:00:00",
                           "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+1",
                           "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "2026-01-01T00:00:00+24:00"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace chiron::agent
