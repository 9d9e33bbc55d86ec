#pragma once

#include "remediation/engine/remediator.h"

#include <string>

namespace chiron::agent {

/// JSON text of plans, for the control socket and for the command line without an agent.
std::string plan_json(const remediation::Plan& plan);
std::string plan_json(const remediation::RemedyPlan& plan);

}  // namespace chiron::agent
