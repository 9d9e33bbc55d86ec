#include "exporter/base/parse.h"
#include "remediation/policy/judges.h"

#include <fmt/format.h>

namespace chiron::remediation {

std::optional<Decision> judge_cooldown(const Case& now) {
  if (now.past.empty()) return std::nullopt;
  const Duration since = now.past.back().quiet();
  if (since >= now.spec.cooldown) return std::nullopt;
  const Duration left = now.spec.cooldown - since;
  return Decision{Suppression::cooldown,
                  fmt::format("ran {} ago, cooldown {}; again at {}", for_people(since),
                              format_duration(now.spec.cooldown), clock_time(now.now, left)),
                  left};
}

}  // namespace chiron::remediation
