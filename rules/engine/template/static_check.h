#pragma once

#include "rules/engine/template.h"
#include "rules/engine/template/nodes.h"

#include <cstddef>
#include <vector>

namespace chiron::rules::tmpl {

// What Go finds only when a template is executed, though it can be seen before: it becomes a warning where
// the file is loaded, as Prometheus takes such a file.

/// A function with too few or too many arguments, or a literal of the wrong type. `piped`: one more argument
/// comes from the command before.
void check_call(const Node& command, bool piped, std::vector<TemplateFault>& warnings);
/// A field that the dot at the start of a template has not; `at` is where its first one stands.
void check_field(const Node& field, std::size_t at, std::vector<TemplateFault>& warnings);
/// {{template}} of a name that no {{define}} has.
void check_invocations(const Tree& tree, std::vector<TemplateFault>& warnings);

}  // namespace chiron::rules::tmpl
