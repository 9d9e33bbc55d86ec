#pragma once

#include "remediation/policy/past.h"
#include "remediation/policy/policy_spec.h"
#include "remediation/policy/suppression.h"

#include <optional>
#include <span>

namespace chiron::remediation {

/// What a judge is told: everything it may know.
struct Case {
  const PolicySpec& spec;
  const Past& past;
  const HostBudget& host_budget;
  const std::vector<Duration>& host_past;  ///< how long ago runs began that count for the host's budget
  const std::vector<Labels>& firing;       ///< alerts
  WallTime now;
};

/// Each judge knows one reason not to act; nothing when it has no objection. Pure functions.
using Judge = std::optional<Decision> (*)(const Case&);

/// From the newest attempt, and when it took long again from its end.
std::optional<Decision> judge_cooldown(const Case& now);
std::optional<Decision> judge_backoff(const Case& now);
/// Open after so many attempts in vain; half-open when reopen_after has passed since the last: then one may
/// try.
std::optional<Decision> judge_breaker(const Case& now);
std::optional<Decision> judge_budget(const Case& now);
std::optional<Decision> judge_host_budget(const Case& now);
/// An alert fires that the remedy keeps out of the way of.
std::optional<Decision> judge_unless(const Case& now);
/// None of the windows is open. By the wall clock: the only judge whose time people set.
std::optional<Decision> judge_window(const Case& now);

/// Every judge, in the order in which they are asked.
std::span<const Judge> all_judges();
std::optional<Decision> first_objection(const Case& now);

enum class BreakerState {
  none,       ///< the remedy has no breaker
  closed,     ///< runs are let through
  open,       ///< none is
  half_open,  ///< one is, or is under way
};
std::string_view to_string(BreakerState state);
BreakerState breaker_state(const Case& now);
/// Attempts in a row that did not help, the newest among them.
int in_vain_in_a_row(const Past& past);
/// Runs that the remedy's own budget still allows now.
int budget_left(const Case& now);

/// Whether the breaker is half-open: what runs next is its trial.
bool is_trial(const Case& now);
/// How long to wait after the newest attempt; zero without a reason to.
Duration backoff_wait(const Case& now);

}  // namespace chiron::remediation
