#include "rules/engine/template/executor.h"
#include "rules/engine/template/methods.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

using NodeKind = Node::Kind;

/// Whether a parameter of this letter takes an untyped nil.
bool takes_nil(char parameter) { return parameter == 'a' || parameter == 'r' || parameter == 's'; }

Value zero_of(char parameter) {
  if (parameter == 'r') return Value::of(SampleList());
  if (parameter == 's') return Value::of(Sample());
  return {};
}

Type type_of(char parameter) {
  switch (parameter) {
    case 't':
      return Type::string;
    case 'r':
      return Type::samples;
    case 's':
      return Type::sample;
    case 'i':
      return Type::integer;
    case 'd':
      return Type::duration;
    default:
      return Type::time;
  }
}

}  // namespace

std::optional<Value> Executor::function(const Value& dot, const Node& name, const Node* command,
                                        const Value* final) {
  node_ = &name;
  const Function& called = *name.function;
  const std::span<const NodePtr> given = arguments_of(command);
  const std::size_t count = given.size() + (final != nullptr ? 1 : 0);
  if (called.variadic() && count < called.fixed())
    return error(fmt::format("wrong number of args for {}: want at least {} got {}", called.name,
                             called.fixed(), given.size()));
  if (!called.variadic() && count != called.fixed())
    return error(
        fmt::format("wrong number of args for {}: want {} got {}", called.name, called.fixed(), count));
  if (called.name == "and" || called.name == "or") return decide(dot, name, command, final);
  std::vector<Value> values;
  for (const NodePtr& one : given) {
    std::optional<Value> value = argument(dot, called.parameter(values.size()), *one);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  if (final != nullptr) {
    std::optional<Value> value = fitting(*final, called.parameter(values.size()));
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  Result<Value> made = called.call(context_, values);
  if (made) return charge(*made) ? std::optional<Value>(*std::move(made)) : std::nullopt;
  node_ = command != nullptr ? command : &name;
  return error(fmt::format("error calling {}: {}", called.name, made.error().to_string()));
}

/// and, or: no further than the argument that decides.
std::optional<Value> Executor::decide(const Value& dot, const Node& name, const Node* command,
                                      const Value* final) {
  const bool wanted = name.function->name == "or";
  std::optional<Value> value;
  for (const NodePtr& one : arguments_of(command)) {
    value = argument(dot, 'a', *one);
    if (!value || is_true(*value) == wanted) return value;
  }
  return final != nullptr ? *final : value;
}

std::optional<Value> Executor::method(const Value& dot, const Value& receiver, const std::string& name,
                                      const Node& node, const Node* command, const Value* final) {
  const Method& called = *find_method(receiver, name);
  const std::span<const NodePtr> given = arguments_of(command);
  const std::size_t count = given.size() + (final != nullptr ? 1 : 0);
  if (count != called.parameters.size())
    return error(
        fmt::format("wrong number of args for {}: want {} got {}", name, called.parameters.size(), count));
  std::vector<Value> values;
  for (std::size_t i = 0; i < count; ++i) {
    const char parameter = called.parameters[i];
    std::optional<Value> value =
        i < given.size() ? argument(dot, parameter, *given[i]) : fitting(*final, parameter);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  Result<Value> made = called.call(receiver, values);
  if (made) return *std::move(made);
  node_ = &node;
  return error(fmt::format("error calling {}: {}", name, made.error().to_string()));
}

std::optional<Value> Executor::argument(const Value& dot, char parameter, const Node& node) {
  node_ = &node;
  if (node.kind == NodeKind::nil) {
    if (takes_nil(parameter)) return zero_of(parameter);
    return error(fmt::format("cannot assign nil to {}", parameter_type(parameter)));
  }
  const bool is_literal =
      node.kind == NodeKind::string || node.kind == NodeKind::number || node.kind == NodeKind::boolean;
  if (is_literal && parameter != 'a') return literal(parameter, node);
  std::optional<Value> value = operand(dot, node);
  if (!value) return std::nullopt;
  const bool from_map = node.kind == NodeKind::chain || !node.path.empty();
  if (value->is_none() && from_map && parameter != 'a')
    return error(
        fmt::format("wrong type for value; expected {}; got interface {{}}", parameter_type(parameter)));
  return fitting(*std::move(value), parameter);
}

/// A literal takes the parameter's type, if it can.
std::optional<Value> Executor::literal(char parameter, const Node& node) {
  switch (parameter) {
    case 't':
      if (node.kind == NodeKind::string) return node.constant;
      return error(fmt::format("expected string; found {}", to_string(node)));
    case 'i':
    case 'd':
      if (node.kind == NodeKind::number && node.number.integer)
        return Value::of_int(*node.number.integer, type_of(parameter));
      return error(fmt::format("expected integer; found {}", to_string(node)));
    default:
      return error(
          fmt::format("can't handle {} for arg of type {}", to_string(node), parameter_type(parameter)));
  }
}

std::optional<Value> Executor::fitting(Value value, char parameter) {
  if (parameter == 'a') return value;
  if (value.is_none()) {
    if (takes_nil(parameter)) return zero_of(parameter);
    return error(fmt::format("invalid value; expected {}", parameter_type(parameter)));
  }
  if (value.type() == type_of(parameter)) return value;
  // One pointer is followed.
  if (Value target = indirect(value); target.type() == type_of(parameter)) return target;
  return error(fmt::format("wrong type for value; expected {}; got {}", parameter_type(parameter),
                           type_name(value.type())));
}

}  // namespace chiron::rules::tmpl
