#include "exporter/base/parse.h"
#include "remediation/policy/judges.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// How soon a target that was left alone is looked at again, at the earliest.
constexpr Duration kLookAgain = std::chrono::minutes(1);

}  // namespace

std::optional<Decision> judge_cooldown(const Case& now) {
  if (now.past.empty()) return std::nullopt;
  const Duration since = now.past.back().quiet();
  const bool left_alone = now.past.back().outcome == Outcome::left_alone;
  // No budget ends the runs that leave their target alone.
  const Duration cooldown = left_alone ? std::max(now.spec.cooldown, kLookAgain) : now.spec.cooldown;
  if (since >= cooldown) return std::nullopt;
  const Duration left = cooldown - since;
  return Decision{
      Suppression::cooldown,
      fmt::format("{} {} ago, cooldown {}; again at {}", left_alone ? "left its target alone" : "ran",
                  for_people(since), format_duration(cooldown), clock_time(now.now, left)),
      left};
}

}  // namespace chiron::remediation
