#pragma once

#include "agent/document.h"
#include "agent/json_fields.h"

#include <string>
#include <vector>

namespace chiron::agent {

// Parts of the pages for people, each from the answer of /api/v1/status (what is missing there is left out).

/// "web-1", or the instance where the name is not known.
std::string host_name(const Json& status);
/// Version, kernel, uptime.
std::vector<Text> about_host(const Json& status);
/// Processors, load, memory and swap, as far as they are known.
std::vector<Text> load_of_host(const Json& status);

Section alerts_section(const Json& status);
/// Runs of these lists of the status, each once.
Section runs_section(const Json& status, std::initializer_list<const char*> lists, std::string without);
Section services_section(const Json& status);
Section probes_section(const Json& status);
Section containers_section(const Json& status);
/// With the trend, where the status has one.
Section filesystems_section(const Json& status);

/// "automatic", "dry-run (paused)", "only reads"
Text mode_of_remedy(const Json& remedy);

}  // namespace chiron::agent
