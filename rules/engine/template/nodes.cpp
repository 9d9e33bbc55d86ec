#include "rules/engine/template/nodes.h"

#include "exporter/base/utf8.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::rules::tmpl {
namespace {

std::string joined(const std::vector<NodePtr>& parts, std::string_view separator) {
  std::string out;
  for (const NodePtr& part : parts) {
    if (!out.empty()) out += separator;
    const std::string text = to_string(*part);
    out += part->kind == Node::Kind::pipeline ? "(" + text + ")" : text;
  }
  return out;
}

std::string dotted(const std::vector<std::string>& path) {
  std::string out;
  for (const std::string& name : path) out += "." + name;
  return out;
}

std::string branch(const Node& node, std::string_view keyword) {
  std::string out =
      fmt::format("{{{{{} {}}}}}{}", keyword, to_string(*node.parts[0]), to_string(*node.parts[1]));
  if (node.parts.size() > 2) out += "{{else}}" + to_string(*node.parts[2]);
  return out + "{{end}}";
}

std::string pipeline(const Node& node) {
  std::string out;
  if (!node.declared.empty())
    out = fmt::format("{} {} ", fmt::join(node.declared, ", "), node.assigns ? "=" : ":=");
  return out + joined(node.parts, " | ");
}

}  // namespace

std::span<const NodePtr> arguments_of(const Node* command) {
  if (command == nullptr) return {};
  return std::span<const NodePtr>(command->parts).subspan(1);
}

std::string to_string(const Node& node) {
  switch (node.kind) {
    case Node::Kind::list:
      return joined(node.parts, "");
    case Node::Kind::action:
      return "{{" + to_string(*node.parts[0]) + "}}";
    case Node::Kind::if_:
      return branch(node, "if");
    case Node::Kind::with:
      return branch(node, "with");
    case Node::Kind::range:
      return branch(node, "range");
    case Node::Kind::invocation:
      return fmt::format("{{{{template {}{}{}}}}}", quoted(node.text), node.parts.empty() ? "" : " ",
                         node.parts.empty() ? std::string() : to_string(*node.parts[0]));
    case Node::Kind::break_:
      return "{{break}}";
    case Node::Kind::continue_:
      return "{{continue}}";
    case Node::Kind::pipeline:
      return pipeline(node);
    case Node::Kind::command:
      return joined(node.parts, " ");
    case Node::Kind::field:
      return dotted(node.path);
    case Node::Kind::variable:
      return node.text + dotted(node.path);
    case Node::Kind::chain: {
      const std::string inner = to_string(*node.parts[0]);
      const bool parentheses = node.parts[0]->kind == Node::Kind::pipeline;
      return (parentheses ? "(" + inner + ")" : inner) + dotted(node.path);
    }
    case Node::Kind::boolean:
      return node.constant.boolean() ? "true" : "false";
    case Node::Kind::dot:
      return ".";
    case Node::Kind::nil:
      return "nil";
    case Node::Kind::text:
    case Node::Kind::identifier:
    case Node::Kind::string:
    case Node::Kind::number:
      break;
  }
  return node.text;
}

}  // namespace chiron::rules::tmpl
