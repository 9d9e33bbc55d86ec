#pragma once

#include "remediation/engine/remediator.h"
#include "remediation/engine/step_runner.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// not_found, with the action that may have been meant.
Result<const ActionInfo*> action_named(std::string_view name);
/// What an action by hand is about: two on the same thing must not meet, nor meet a remedy's run.
std::string target_of(const ActionInfo& action, const ArgumentValues& arguments);
/// "there is no KIND NAME; did you mean ...?"
Error not_there(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known);

/// What these steps would do on the target, each for a while at most. `remedy` "": an action
/// by hand, whose arguments are no templates. Changes nothing; blocks.
std::vector<StepPlan> plan_steps(StepRunner& runner, const std::vector<StepSpec>& specs,
                                 const std::string& target, const std::string& remedy);

}  // namespace chiron::remediation
