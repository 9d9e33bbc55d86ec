#pragma once

#include "agent/json_views.h"

#include <span>
#include <string>
#include <vector>

namespace chiron::agent {

/// How policy stands towards a remedy's targets: [{"target":..., "reason":..., "next_allowed":..., "breaker":
/// {...}, "budget": {...}}]. Of very many the first.
Json target_states_json(const remediation::RemedySpec& remedy,
                        std::span<const remediation::TargetState> states);

/// The same for people; the headings, and a row of texts for each target of a remedy as the agent tells it.
std::vector<std::string> target_state_headings();
std::vector<std::vector<std::string>> target_state_rows(const Json& remedy);

}  // namespace chiron::agent
