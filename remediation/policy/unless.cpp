#include "remediation/policy/judges.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {

std::optional<Decision> judge_unless(const Case& now) {
  for (const std::vector<Matcher>& all : now.spec.unless) {
    for (const Labels& alert : now.firing) {
      if (!std::ranges::all_of(all, [&](const Matcher& matcher) { return matcher.matches(alert); })) continue;
      return Decision{Suppression::unless,
                      fmt::format("it keeps out of the way while {} fires", alert.to_string()), std::nullopt};
    }
  }
  return std::nullopt;
}

}  // namespace chiron::remediation
