#pragma once

#include "rules/engine/template/value.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

inline constexpr std::int64_t kNanosecond = 1;
inline constexpr std::int64_t kMicrosecond = 1000 * kNanosecond;
inline constexpr std::int64_t kMillisecond = 1000 * kMicrosecond;
inline constexpr std::int64_t kSecond = 1000 * kMillisecond;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kHour = 60 * kMinute;
inline constexpr std::int64_t kDay = 24 * kHour;

/// Go's Duration.String: 1h2m3.5s, 1.5ms, 0s.
std::string duration_text(std::int64_t nanoseconds);
/// Go's Time.String in UTC: 2009-02-13 23:31:30.5 +0000 UTC.
std::string time_text(Instant time);
/// Go's Time.Format in UTC: a layout writes Mon Jan 2 15:04:05 MST 2006 the way it is wanted.
std::string format_time(Instant time, std::string_view layout);

std::string_view month_name(std::int64_t month);      ///< 1 January
std::string_view weekday_name(std::int64_t weekday);  ///< 0 Sunday

/// The fields of an instant in UTC.
struct Civil {
  std::int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  std::int64_t nanosecond = 0;
  int weekday = 0;   ///< 0 Sunday
  int year_day = 1;  ///< from 1
};
Civil civil(Instant time);

}  // namespace chiron::rules::tmpl
