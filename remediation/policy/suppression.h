#pragma once

#include "exporter/base/clock.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// Why a remedy does not act now; the values of the label `reason`.
enum class Suppression {
  none,
  dry_run,
  approval,
  cooldown,
  backoff,
  breaker,
  budget,
  host_budget,
  unless,
  window,
  off,
  paused,
  in_progress,
  target_not_allowed,
  target_denied,
  held,
  ledger,
  stopping,
  absent,      ///< what the remedy needs is not on this host
  expired,     ///< it waited for approval, and nobody gave it in time
  missed,      ///< a time of its schedule passed while nobody looked
  left_alone,  ///< its step left the target to somebody's will or turn, and did nothing
};
std::string_view to_string(Suppression reason);
/// Every reason, for metrics that exist at zero.
std::vector<Suppression> all_suppressions();

struct Decision {
  Suppression reason = Suppression::none;
  std::string detail{};                ///< for people: "3 runs in the last 1h; the next at 14:05"
  std::optional<Duration> retry_in{};  ///< when it may act again, if time alone decides
};

/// When `in` has passed, for people: "14:05:20 UTC", with the date when that is not today.
std::string clock_time(WallTime now, Duration in);
/// Whole seconds, rounded up: a person who waits that long finds it done.
std::string for_people(Duration duration);

}  // namespace chiron::remediation
