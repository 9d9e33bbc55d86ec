#pragma once

#include "remediation/policy/judges.h"

#include <optional>
#include <string>

namespace chiron::remediation {

/// How policy stands towards a remedy on one target.
struct TargetState {
  std::string target{};
  Decision decision{};  ///< the first objection, the remedy's mode aside; none: it may act
  /// When time alone lets it act, if nothing else runs meanwhile; nothing when it may, or nobody knows.
  std::optional<WallTime> next{};
  BreakerState breaker = BreakerState::none;
  std::optional<WallTime> open_until{};
  int in_vain = 0;  ///< attempts in a row, as the breaker counts them
  int budget_left = kNoBudget;

  /// Whether anything of the past still matters, or it is held back.
  bool matters(const PolicySpec& spec) const {
    return decision.reason != Suppression::none || in_vain > 0 || budget_left < spec.budget_runs;
  }
};
/// `pause`: what holds the remedy back whatever its past.
TargetState state_of(const Case& now, const std::optional<Decision>& pause);

}  // namespace chiron::remediation
