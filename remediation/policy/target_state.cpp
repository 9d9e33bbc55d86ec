#include "remediation/policy/target_state.h"

#include <algorithm>

namespace chiron::remediation {
namespace {

WallTime in(WallTime now, Duration wait) {
  return now + std::chrono::duration_cast<std::chrono::milliseconds>(std::min(wait, kLongestWait));
}

/// When neither the pause nor a judge objects any more; windows last, since they may be closed by then.
std::optional<WallTime> next_of(const Case& now, const std::optional<Decision>& pause) {
  Duration wait{};
  const auto grows = [&wait](const std::optional<Decision>& objection) {
    if (!objection) return true;
    wait = std::max(wait, objection->retry_in.value_or(Duration::zero()));
    return objection->retry_in.has_value();
  };
  if (!grows(pause)) return std::nullopt;
  for (const Judge judge : all_judges()) {
    if (judge != judge_window && !grows(judge(now))) return std::nullopt;
  }
  const WallTime then = in(now.now, wait);
  return closed_until(now.spec.windows, then).value_or(then);
}

}  // namespace

TargetState state_of(const Case& now, const std::optional<Decision>& pause) {
  TargetState out;
  out.decision = pause.value_or(first_objection(now).value_or(Decision()));
  if (out.decision.reason != Suppression::none) out.next = next_of(now, pause);
  out.breaker = breaker_state(now);
  out.in_vain = in_vain_in_a_row(now.past);
  if (out.breaker == BreakerState::open) out.open_until = in(now.now, *judge_breaker(now)->retry_in);
  out.budget_left = budget_left(now);
  return out;
}

}  // namespace chiron::remediation
