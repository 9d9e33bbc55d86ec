#pragma once

#include "rules/engine/template.h"
#include "rules/engine/template/nodes.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules::tmpl {

/// What a template reads, found while it is parsed.
struct Facts {
  std::vector<std::string> label_names;  ///< sorted, each once
  bool all_labels = false;               ///< the labels as a whole, or the dot they are in
  bool target = false, run = false;
  bool value = false;
  bool time = false;  ///< `now`, or what `query` finds then
  bool literal = true;
  /// What can only fail when it is expanded, in the order it stands.
  std::vector<TemplateFault> warnings;
};

struct Parsed {
  Tree tree;
  Facts facts;
};
/// Nothing when `fault` was filled.
std::optional<Parsed> parse(std::string_view text, TemplateFault& fault);

}  // namespace chiron::rules::tmpl
