#include "rules/engine/template/executor.h"
#include "rules/engine/template/methods.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

using NodeKind = Node::Kind;

}  // namespace

/// Null after an error.
Value* Executor::variable(std::string_view name) {
  constexpr std::size_t kSeenInAStep = 64;
  if (!context_.budget.take(variables_.size() / kSeenInAStep + 1)) {
    error(out_of_steps().message());
    return nullptr;
  }
  const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                  [&](const auto& one) { return one.first == name; });
  if (found != variables_.rend()) return &found->second;
  error(fmt::format("undefined variable: {}", name));
  return nullptr;
}

bool Executor::assign(std::string_view name, const Value& value) {
  Value* const place = variable(name);
  if (place == nullptr) return false;
  *place = value;
  return true;
}

std::optional<Value> Executor::pipeline(const Value& dot, const Node& node) {
  node_ = &node;
  std::optional<Value> value;
  for (const NodePtr& part : node.parts) {
    value = command(dot, *part, value ? &*value : nullptr);
    if (!value || !charge(*value)) return std::nullopt;
  }
  for (const std::string& name : node.declared) {
    if (!node.assigns)
      variables_.emplace_back(name, *value);
    else if (!assign(name, *value))
      return std::nullopt;
  }
  return value;
}

std::optional<Value> Executor::command(const Value& dot, const Node& node, const Value* final) {
  const Node& first = *node.parts[0];
  node_ = &first;
  switch (first.kind) {
    case NodeKind::field:
      return fields(dot, dot, first, &node, final);
    case NodeKind::identifier:
      return function(dot, first, &node, final);
    case NodeKind::chain: {
      if (first.parts[0]->kind == NodeKind::nil)
        return error(fmt::format("indirection through explicit nil in {}", to_string(first)));
      std::optional<Value> receiver = operand(dot, *first.parts[0]);
      if (!receiver) return std::nullopt;
      return fields(dot, *std::move(receiver), first, &node, final);
    }
    case NodeKind::variable:
      if (!first.path.empty()) {
        const Value* value = variable(first.text);
        if (value == nullptr) return std::nullopt;
        return fields(dot, *value, first, &node, final);
      }
      break;
    default:
      break;
  }
  if (first.kind == NodeKind::nil) return error("nil is not a command");
  if (node.parts.size() > 1 || final != nullptr)
    return error(fmt::format("can't give argument to non-function {}", to_string(first)));
  return operand(dot, first);
}

/// A value by itself, with no argument.
std::optional<Value> Executor::operand(const Value& dot, const Node& node) {
  node_ = &node;
  if (!charge(Value())) return std::nullopt;
  switch (node.kind) {
    case NodeKind::dot:
      return dot;
    case NodeKind::boolean:
    case NodeKind::string:
      return node.constant;
    case NodeKind::number:
      if (node.number.too_large) return error(fmt::format("{} overflows int", node.text));
      return node.number.ideal;
    case NodeKind::pipeline:
      return pipeline(dot, node);
    case NodeKind::field:
      return fields(dot, dot, node, nullptr, nullptr);
    case NodeKind::identifier:
      return function(dot, node, nullptr, nullptr);
    case NodeKind::chain: {
      std::optional<Value> receiver = operand(dot, *node.parts[0]);
      if (!receiver) return std::nullopt;
      return fields(dot, *std::move(receiver), node, nullptr, nullptr);
    }
    case NodeKind::variable: {
      const Value* value = variable(node.text);
      if (value == nullptr) return std::nullopt;
      if (!charge(*value)) return std::nullopt;
      if (node.path.empty()) return *value;
      return fields(dot, *value, node, nullptr, nullptr);
    }
    default:
      return error(fmt::format("can't evaluate command {}", to_string(node)));
  }
}

/// The fields of a chain one after the other; only the last may be a method that takes arguments.
std::optional<Value> Executor::fields(const Value& dot, Value receiver, const Node& node, const Node* command,
                                      const Value* final) {
  constexpr std::string_view kAnything = "interface {}";
  bool boxed = false;
  for (std::size_t i = 0; i < node.path.size(); ++i) {
    const bool last = i + 1 == node.path.size();
    std::optional<Value> next = field(dot, receiver, boxed ? kAnything : type_name(receiver.type()),
                                      node.path[i], node, last ? command : nullptr, last ? final : nullptr);
    if (!next) return std::nullopt;
    // What a map or field of anything holds is an interface {} until a pipeline looks into it.
    boxed = receiver.type() == Type::args ||
            ((receiver.type() == Type::data || receiver.type() == Type::sample) && node.path[i] == "Value");
    if (next->is_none() && boxed && !last)
      return error(fmt::format("nil pointer evaluating {}.{}", kAnything, node.path[i + 1]));
    receiver = *std::move(next);
  }
  return receiver;
}

/// `type`: of the receiver, as messages name it.
std::optional<Value> Executor::field(const Value& dot, const Value& receiver, std::string_view type,
                                     const std::string& name, const Node& node, const Node* command,
                                     const Value* final) {
  if (receiver.is_none()) return Value();
  if (find_method(receiver, name) != nullptr) return method(dot, receiver, name, node, command, final);
  const bool has_arguments = !arguments_of(command).empty() || final != nullptr;
  const auto refuse_arguments = [&](std::string_view why) { return error(fmt::format("{} {}", name, why)); };
  if (kind_of(receiver) == Kind::map) {
    if (has_arguments) return refuse_arguments("is not a method but has arguments");
    return map_element(receiver, name);
  }
  if (is_nil_pointer(receiver) && (name == "Labels" || name == "Value"))
    return error(fmt::format("nil pointer evaluating {}.{}", type, name));
  std::optional<Value> found;
  if (receiver.type() == Type::sample && !is_nil_pointer(receiver)) {
    const Sample& sample = receiver.sample();
    if (name == "Labels") found = Value::of(LabelMap{&sample.sample->labels, sample.owner});
    if (name == "Value") found = Value::of(sample.sample->v);
  } else if (receiver.type() == Type::data) {
    const TemplateData& data = receiver.data();
    if (name == "Labels") found = Value::of(LabelMap{data.labels, nullptr});
    if (name == "ExternalLabels") found = Value::of(LabelMap{data.external_labels, nullptr});
    if (name == "ExternalURL") found = Value::of(std::string(data.external_url));
    if (name == "Value") found = Value::of(data.value);
  }
  if (found && has_arguments) return refuse_arguments("has arguments but cannot be invoked as function");
  if (found) return found;
  return error(fmt::format("can't evaluate field {} in type {}", name, type));
}

}  // namespace chiron::rules::tmpl
