#pragma once

#include "agent/json_views.h"
#include "remediation/actions/arguments.h"

namespace chiron::agent {

/// The arguments of a single action as a client sends them, {"unit": "x", "globs": ["a", "b"], "env": {"A":
/// "1"}}, in the shapes that the action declares: a text is a list of one where a list is wanted, and `{A: 1,
/// B: 2}` or the same in JSON is a mapping where one is. invalid_argument names the argument; names that the
/// action does not have are left to its own check.
Result<remediation::ArgumentValues> action_arguments(const std::string& action, const Json& json);

}  // namespace chiron::agent
