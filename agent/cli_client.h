#pragma once

#include "agent/cli_parts.h"
#include "agent/json_fields.h"

namespace chiron::agent {

// Talking to the running agent, for cli_*.cpp only.

/// Sends a request to the agent whose state directory the options name; the reply's data, or the agent's
/// error.
Result<Json> ask_agent(const SettingOptions& options, const Json& request);
/// The storage path the options, environment and file lead to.
Result<std::string> storage_path(const SettingOptions& options);

std::string run_text(const Json& run);
std::string runs_table(const Json& runs);

}  // namespace chiron::agent
