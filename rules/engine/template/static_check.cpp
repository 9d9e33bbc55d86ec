#include "rules/engine/template/static_check.h"

#include "exporter/base/utf8.h"
#include "rules/engine/template/functions.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

using NodeKind = Node::Kind;

bool is_literal(const Node& node) {
  return node.kind == NodeKind::string || node.kind == NodeKind::number || node.kind == NodeKind::boolean;
}

void check_count(const Function& function, std::size_t at, std::size_t count,
                 std::vector<TemplateFault>& warnings) {
  const std::size_t wanted = function.fixed();
  if (function.variadic() ? count >= wanted : count == wanted) return;
  warnings.push_back({at,
                      fmt::format("wrong number of args for {}: want {}{} got {}", function.name,
                                  function.variadic() ? "at least " : "", wanted, count),
                      "the annotation will be an error text"});
}

void check_tree(const Node& node, const Tree& tree, std::vector<TemplateFault>& warnings) {
  if (node.kind == NodeKind::invocation && !tree.templates.contains(node.text))
    warnings.push_back({node.at, fmt::format("template {} not defined", quoted(node.text)),
                        "{{define}} it in the same text; templates of other annotations cannot be seen"});
  for (const NodePtr& part : node.parts) check_tree(*part, tree, warnings);
}

}  // namespace

void check_call(const Node& command, bool piped, std::vector<TemplateFault>& warnings) {
  const Node& first = *command.parts[0];
  for (std::size_t i = 1; i < command.parts.size(); ++i)
    if (const Node& argument = *command.parts[i]; argument.kind == NodeKind::identifier)
      check_count(*argument.function, argument.at, 0, warnings);
  if (first.kind != NodeKind::identifier) {
    const bool callable =
        first.kind == NodeKind::field || first.kind == NodeKind::variable || first.kind == NodeKind::chain;
    if (!callable && command.parts.size() > 1)
      warnings.push_back({command.parts[1]->at,
                          fmt::format("can't give argument to non-function {}", to_string(first)),
                          "a command is a function and its arguments, or one value alone"});
    return;
  }
  check_count(*first.function, first.at, command.parts.size() - 1 + (piped ? 1 : 0), warnings);
  for (std::size_t i = 1; i < command.parts.size(); ++i) {
    const Node& argument = *command.parts[i];
    const char parameter = first.function->parameters.empty() ? 'a' : first.function->parameter(i - 1);
    if (parameter != 't' || !is_literal(argument) || argument.kind == NodeKind::string) continue;
    warnings.push_back({argument.at, fmt::format("expected string; found {}", to_string(argument)),
                        fmt::format("{} takes a string here", first.function->name)});
  }
}

void check_field(const Node& field, std::size_t at, std::vector<TemplateFault>& warnings) {
  const std::string& name = field.path[0];
  if (name == "Labels" || name == "ExternalLabels" || name == "ExternalURL" || name == "Value") return;
  warnings.push_back({at, fmt::format("there is no .{} here", name),
                      "there are .Labels, .ExternalLabels, .ExternalURL and .Value"});
}

void check_invocations(const Tree& tree, std::vector<TemplateFault>& warnings) {
  check_tree(*tree.root, tree, warnings);
  for (const auto& [name, content] : tree.templates) check_tree(*content, tree, warnings);
}

}  // namespace chiron::rules::tmpl
