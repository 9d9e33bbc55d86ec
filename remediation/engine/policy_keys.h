#pragma once

#include "exporter/base/yaml_reader.h"
#include "remediation/policy/policy_spec.h"

#include <functional>
#include <vector>

namespace chiron::remediation {

/// The keys of a `policy:` mapping that were given, to be laid over a policy.
using PolicyPatch = std::vector<std::function<void(PolicySpec&)>>;

/// Reads a `policy:` mapping, of a remedy file or of the configuration; all faults into its sink. Calls
/// finish().
PolicyPatch read_policy(yaml::Reader& policy);
/// `mode`, which the configuration has beside `policy:` too.
void read_mode(yaml::Reader& reader, PolicyPatch& patch);
/// `for`, beside `mode` in the configuration: how long `automatic` holds.
void read_armed_for(yaml::Reader& reader, PolicyPatch& patch);
/// Lays the patch over a policy; what contradicts itself then.
std::optional<Contradiction> apply_policy(const PolicyPatch& patch, PolicySpec& policy);

/// Alertmanager matchers: one list, all of which must hold, or a list of such lists, any of which does.
std::vector<std::vector<Matcher>> read_matchers(yaml::Reader& reader, std::string_view key);

}  // namespace chiron::remediation
