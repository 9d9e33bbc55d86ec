#pragma once

#include "agent/json_views.h"

#include <string>

namespace chiron::agent {

// The JSON of views.h as text for a person, for cli_*.cpp only.
std::string status_text(const Json& status);
std::string why_text(const Json& why);
/// One remedy with what holds it back and how policy stands towards its targets.
std::string remedy_text(const Json& remedy);
std::string remedies_text(const Json& remedies);
std::string plan_text(const Json& plan);
std::string remedy_plan_text(const Json& plan);

}  // namespace chiron::agent
