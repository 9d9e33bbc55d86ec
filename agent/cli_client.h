#pragma once

#include "agent/cli_parts.h"
#include "agent/json_views.h"

namespace chiron::agent {

// Talking to the running agent, for cli_*.cpp only.

/// Sends a request to the agent whose state directory the options name; the reply's data, or the agent's
/// error.
Result<Json> ask_agent(const SettingOptions& options, const Json& request);
/// The storage path the options, environment and file lead to.
Result<std::string> storage_path(const SettingOptions& options);

// What the agent sent may lack a field when it is older or newer than this program: none of these throws.
/// null when absent.
const Json& field(const Json& json, const char* name);
/// "" when absent.
std::string text_of(const Json& json, const char* name);
/// 0 when absent.
double number_of(const Json& json, const char* name);
/// false when absent.
bool flag_of(const Json& json, const char* name);
/// {a="b", c="d"}, with __name__ before it.
std::string labels_text(const Json& labels);
/// A list of texts as one.
std::string join(const Json& texts);
/// "-" when absent.
std::string bytes_of(const Json& json, const char* name);
std::string run_text(const Json& run);
std::string runs_table(const Json& runs);

}  // namespace chiron::agent
