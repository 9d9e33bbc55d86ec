#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/time_zone.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// Why a text is no cron expression: the bytes of the text (from 0) where that shows.
struct CronFault {
  std::size_t offset = 0, length = 0;
  std::string message, hint;
};

/// The five fields of crontab(5), minute hour day-of-month month day-of-week: lists, ranges, steps of a range
/// or of *, names of months and days, 7 for Sunday too; or @yearly @annually @monthly @weekly @daily
/// @midnight @hourly. A day matches both day fields when one of them begins with *, else either. Immutable;
/// thread-safe.
class CronExpression {
 public:
  /// Nothing when `fault` was filled; so it is with days that never come, like 30 February.
  static std::optional<CronExpression> parse(std::string_view text, CronFault& fault);

  /// The first time after `after` at which the clocks of `zone` show what is asked for. Where clocks change,
  /// as cron(8) of Debian does it: what is asked for in certain hours only runs once, at the moment of the
  /// change, when its time was skipped, and the first time only when its time comes twice; what is asked for
  /// in every hour follows the clocks as they are shown.
  WallTime next(WallTime after, const TimeZone& zone) const;

  const std::string& text() const { return text_; }

 private:
  struct Reader;
  bool matches_day(std::chrono::local_days day) const;
  bool every_hour() const;
  std::optional<WallTime> next_within(WallTime after, const TimeZone& zone, std::chrono::days span) const;
  std::optional<WallTime> next_shown(WallTime after, const TimeZone& zone, WallTime end) const;

  std::string text_;
  // A bit for each value; of the days of the week 0 is Sunday.
  std::uint64_t minutes_ = 0;
  std::uint32_t hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
  bool either_day_ = false;  ///< both day fields restrict: one of them is enough
};

}  // namespace chiron::remediation
