#pragma once

#include "exporter/base/yaml_reader.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/engine/template_key.h"

#include <string_view>
#include <vector>

namespace chiron::remediation {

/// Reads a list of steps under `key` of a remedy, with each action's own findings about its arguments; all
/// faults into the reader's sink, each step under the name `what` and its number.
std::vector<StepSpec> read_steps(yaml::Reader& remedy, std::string_view key, std::string_view what,
                                 const TemplateScope& scope);

/// Whether it is '{{ $targets }}': what the remedy's `targets` list.
bool is_all_targets(const ArgumentValue& value);
bool lists_targets(const StepSpec& step);

}  // namespace chiron::remediation
