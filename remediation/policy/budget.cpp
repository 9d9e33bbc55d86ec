#include "exporter/base/parse.h"
#include "remediation/policy/judges.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

struct Measure {
  Suppression reason;
  std::string_view whose;
  int runs;
  Duration per;
};

std::optional<Decision> judge(const Measure& measure, std::vector<Duration> ages, WallTime now) {
  std::erase_if(ages, [&](Duration age) { return age >= measure.per; });
  const auto allowed = static_cast<std::size_t>(std::max(0, measure.runs));
  if (ages.size() < allowed) return std::nullopt;
  if (allowed == 0) {
    return Decision{measure.reason, fmt::format("{} budget is 0 runs", measure.whose), std::nullopt};
  }
  // Over a reboot with a wall clock that jumped, the order of ages need not be the order of attempts.
  std::ranges::sort(ages);
  // A run is free again when so many have left the window that fewer than `allowed` remain.
  const Duration left = measure.per - ages[allowed - 1];
  return Decision{
      measure.reason,
      fmt::format("{} budget is used up: {} runs in the last {}, {} allowed; the next at {}", measure.whose,
                  ages.size(), format_duration(measure.per), allowed, clock_time(now, left)),
      left};
}

}  // namespace

int budget_left(const Case& now) {
  const auto counts = [&](const PastAttempt& attempt) {
    return attempt.outcome != Outcome::left_alone && attempt.started < now.spec.budget_per;
  };
  const auto used = static_cast<int>(std::ranges::count_if(now.past, counts));
  return std::max(0, now.spec.budget_runs - used);
}

std::optional<Decision> judge_budget(const Case& now) {
  std::vector<Duration> ages;
  for (const PastAttempt& attempt : now.past) {
    if (attempt.outcome != Outcome::left_alone) ages.push_back(attempt.started);
  }
  return judge({Suppression::budget, "its", now.spec.budget_runs, now.spec.budget_per}, std::move(ages),
               now.now);
}

std::optional<Decision> judge_host_budget(const Case& now) {
  return judge({Suppression::host_budget, "the host's", now.host_budget.runs, now.host_budget.per},
               now.host_past, now.now);
}

}  // namespace chiron::remediation
