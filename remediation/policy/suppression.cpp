#include "remediation/policy/suppression.h"

#include "exporter/base/parse.h"

#include <array>
#include <utility>

namespace chiron::remediation {
namespace {

constexpr std::array<std::pair<Suppression, std::string_view>, 22> kReasons{{
    {Suppression::none, "none"},
    {Suppression::dry_run, "dry_run"},
    {Suppression::approval, "approval"},
    {Suppression::cooldown, "cooldown"},
    {Suppression::backoff, "backoff"},
    {Suppression::breaker, "breaker"},
    {Suppression::budget, "budget"},
    {Suppression::host_budget, "host_budget"},
    {Suppression::unless, "unless"},
    {Suppression::window, "window"},
    {Suppression::off, "off"},
    {Suppression::paused, "paused"},
    {Suppression::in_progress, "in_progress"},
    {Suppression::target_not_allowed, "target_not_allowed"},
    {Suppression::target_denied, "target_denied"},
    {Suppression::held, "held"},
    {Suppression::ledger, "ledger"},
    {Suppression::stopping, "stopping"},
    {Suppression::absent, "absent"},
    {Suppression::expired, "expired"},
    {Suppression::missed, "missed"},
    {Suppression::left_alone, "left_alone"},
}};

// Beyond that the calendar of RFC 3339 ends, and nobody waits.
constexpr Duration kEver = std::chrono::hours(24 * 366 * 100);

}  // namespace

std::string_view to_string(Suppression reason) {
  for (const auto& [value, name] : kReasons) {
    if (value == reason) return name;
  }
  return "none";
}

std::vector<Suppression> all_suppressions() {
  std::vector<Suppression> all;
  for (const auto& [value, name] : kReasons) {
    if (value != Suppression::none) all.push_back(value);
  }
  return all;
}

std::string for_people(Duration duration) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(duration));
}

std::string clock_time(WallTime now, Duration in) {
  const std::string today = to_rfc3339(now);
  const std::string then =
      to_rfc3339(now + std::chrono::duration_cast<std::chrono::milliseconds>(std::min(in, kEver)));
  const std::string time = then.substr(11, 8) + " UTC";
  return today.substr(0, 10) == then.substr(0, 10) ? time : then.substr(0, 10) + ' ' + time;
}

}  // namespace chiron::remediation
