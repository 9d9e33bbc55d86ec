#include "remediation/policy/judges.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// Attempts in vain, the newest first, up to one that helped or a quiet time.
int in_vain(const BackoffSpec& backoff, const Past& past) {
  int count = 0;
  Duration later{};  // when what followed began, as an age
  for (const PastAttempt& attempt : past | std::views::reverse) {
    if (attempt.outcome == Outcome::helped) break;
    if (attempt.quiet() - later >= backoff.reset_after) break;
    if (attempt.outcome == Outcome::in_vain) ++count;
    later = attempt.started;
  }
  return count;
}

}  // namespace

Duration backoff_wait(const Case& now) {
  if (!now.spec.backoff) return Duration::zero();
  const BackoffSpec& backoff = *now.spec.backoff;
  const int count = in_vain(backoff, now.past);
  if (count == 0) return Duration::zero();
  const double factor = std::pow(backoff.factor, count - 1);
  const double wait = static_cast<double>(backoff.initial.count()) * factor;
  // A power may be beyond what nanoseconds hold, or infinite.
  if (!(wait < static_cast<double>(backoff.max.count()))) return backoff.max;
  return Duration(static_cast<Duration::rep>(wait));
}

std::optional<Decision> judge_backoff(const Case& now) {
  const Duration wait = backoff_wait(now);
  if (now.past.empty() || now.past.back().quiet() >= wait) return std::nullopt;
  const Duration left = wait - now.past.back().quiet();
  const int count = in_vain(*now.spec.backoff, now.past);
  return Decision{Suppression::backoff,
                  fmt::format("{} in vain, so it waits {}; again at {}",
                              count == 1 ? "one attempt" : fmt::format("{} attempts", count),
                              for_people(wait), clock_time(now.now, left)),
                  left};
}

}  // namespace chiron::remediation
