#pragma once

#include "exporter/base/yaml_reader.h"
#include "remediation/policy/window.h"

#include <optional>
#include <vector>

namespace chiron::remediation {

/// Reads `window` of a policy: one window or a list of them. Nothing when it is absent; all faults into the
/// reader's sink.
std::optional<std::vector<WindowSpec>> read_windows(yaml::Reader& policy);

}  // namespace chiron::remediation
