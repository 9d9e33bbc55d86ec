#include "exporter/base/parse.h"
#include "remediation/policy/judges.h"

#include <ranges>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

struct Row {
  int in_vain = 0;
  Duration since{};  ///< the end of the newest of them
  bool under_way = false;
};

Row row_of(const Past& past) {
  Row row;
  for (const PastAttempt& attempt : past | std::views::reverse) {
    if (attempt.outcome == Outcome::helped) break;
    if (attempt.outcome == Outcome::under_way) row.under_way = true;
    if (attempt.outcome != Outcome::in_vain) continue;
    if (row.in_vain++ == 0) row.since = attempt.quiet();
  }
  return row;
}

}  // namespace

std::string_view to_string(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::open:
      return "open";
    case BreakerState::half_open:
      return "half-open";
    case BreakerState::none:
      break;
  }
  return "none";
}

int in_vain_in_a_row(const Past& past) { return row_of(past).in_vain; }

BreakerState breaker_state(const Case& now) {
  if (!now.spec.breaker) return BreakerState::none;
  const Row row = row_of(now.past);
  if (row.in_vain < now.spec.breaker->failures) return BreakerState::closed;
  return row.since < now.spec.breaker->reopen_after ? BreakerState::open : BreakerState::half_open;
}

bool is_trial(const Case& now) { return breaker_state(now) == BreakerState::half_open; }

std::optional<Decision> judge_breaker(const Case& now) {
  if (!now.spec.breaker) return std::nullopt;
  const BreakerSpec& breaker = *now.spec.breaker;
  const Row row = row_of(now.past);
  const BreakerState state = breaker_state(now);
  if (state == BreakerState::closed) return std::nullopt;
  if (state == BreakerState::open) {
    const Duration left = breaker.reopen_after - row.since;
    return Decision{
        Suppression::breaker,
        fmt::format("{} runs in a row did not help, so its breaker is open; one more may try at {}",
                    row.in_vain, clock_time(now.now, left)),
        left};
  }
  if (!row.under_way) return std::nullopt;
  return Decision{Suppression::breaker, "its breaker is half-open and the one run that may try is under way",
                  std::nullopt};
}

}  // namespace chiron::remediation
