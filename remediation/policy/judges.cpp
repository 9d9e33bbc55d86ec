#include "remediation/policy/judges.h"

#include <array>

namespace chiron::remediation {

std::span<const Judge> all_judges() {
  static constexpr std::array<Judge, 7> kJudges{judge_unless, judge_cooldown,    judge_backoff, judge_breaker,
                                                judge_budget, judge_host_budget, judge_window};
  return kJudges;
}

std::optional<Decision> first_objection(const Case& now) {
  for (const Judge judge : all_judges()) {
    if (std::optional<Decision> objection = judge(now)) return objection;
  }
  return std::nullopt;
}

}  // namespace chiron::remediation
