#pragma once

#include "agent/json_fields.h"
#include "remediation/actions/host_view.h"

#include <vector>

namespace chiron::agent {

/// What is wrong, from the answer of /api/v1/status, in the order of kHealthChecks. See docs/actions.md,
/// health.check.
std::vector<remediation::HealthFinding> examine(const Json& status, const remediation::Amount& min_free);

}  // namespace chiron::agent
