#pragma once

#include "exporter/base/yaml_reader.h"
#include "rules/engine/template.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// What a template may read where it stands.
struct TemplateScope {
  bool target = false;    ///< $target
  bool run = false;       ///< $remedy, $run, $state and $reason
  bool has_alert = true;  ///< $labels and $value; a run by schedule has none
  bool targets = false;   ///< '{{ $targets }}' as the whole of a list
};

/// Compiles a text of the key `key`; what is wrong with it, and what it may not read, into the reader's sink.
std::optional<rules::Template> read_template(yaml::Reader& reader, std::string_view key,
                                             const std::string& text, const TemplateScope& scope);

}  // namespace chiron::remediation
