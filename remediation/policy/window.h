#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/time_zone.h"

#include <bitset>
#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace chiron::remediation {

/// Hours of the week in which a remedy may act, as the clocks of a zone show them.
struct WindowSpec {
  std::bitset<7> days = 0b1111111;  ///< on which it opens; 0 is Sunday
  std::chrono::minutes from{0};     ///< since midnight, less than a day
  std::chrono::minutes to =
      std::chrono::hours(24);  ///< since midnight; unless after `from`, of the following day
  TimeZone zone;
};
/// "mon-fri 08:00-18:00 (Europe/Paris)", "daily 22:00-06:00 (Local)".
std::string to_string(const WindowSpec& window);

/// Nothing while one of the windows is open; else when the first opens again. It opens and closes the first
/// time that the clocks show its hours; an hour that they skip is the moment of the change, and a window that
/// is skipped whole does not open that day. Without windows nothing is ever closed.
std::optional<WallTime> closed_until(std::span<const WindowSpec> windows, WallTime now);

}  // namespace chiron::remediation
