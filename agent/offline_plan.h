#pragma once

#include "agent/config.h"
#include "exporter/base/result.h"

#include <string>

namespace chiron::agent {

/// What a remedy would do now, computed in this process for want of a running agent: JSON as plan_json()
/// makes it. Cooldowns and budgets come from the ledger when it can be read. Changes nothing.
Result<std::string> plan_without_agent(const Config& config, const std::string& remedy,
                                       const std::string& target);

}  // namespace chiron::agent
