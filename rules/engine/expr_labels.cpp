#include "rules/engine/expr_facts.h"
#include "rules/promql/functions.h"
#include "rules/promql/nodes.h"

namespace chiron::rules {
namespace {

using Set = std::optional<std::set<std::string>>;

Set labels_of_node(const promql::NumberLiteral&) { return std::set<std::string>(); }
Set labels_of_node(const promql::StringLiteral&) { return std::set<std::string>(); }
Set labels_of_node(const promql::VectorSelector&) { return std::nullopt; }
Set labels_of_node(const promql::MatrixSelector&) { return std::nullopt; }
Set labels_of_node(const promql::Subquery& node) { return labels_of(*node.inner); }
Set labels_of_node(const promql::Paren& node) { return labels_of(*node.inner); }
Set labels_of_node(const promql::Unary& node) { return labels_of(*node.operand); }

Set labels_of_node(const promql::Aggregate& node) {
  using promql::AggregateOp;
  if (node.op == AggregateOp::topk || node.op == AggregateOp::bottomk) return labels_of(*node.operand);
  if (node.op == AggregateOp::count_values) return std::nullopt;  // one more, named by a text
  if (!node.without) return std::set<std::string>(node.grouping.begin(), node.grouping.end());
  Set out = labels_of(*node.operand);
  if (out)
    for (const std::string& name : node.grouping) out->erase(name);
  return out;
}

/// Only what the function takes a vector from can give it labels; absent() makes some out of its matchers.
Set labels_of_node(const promql::Call& node) {
  if (node.function->result == promql::ValueType::scalar) return std::set<std::string>();
  if (node.function->name.starts_with("absent") || node.function->name.starts_with("label_"))
    return std::nullopt;
  for (const promql::ExprPtr& argument : node.arguments)
    if (argument->type == promql::ValueType::vector || argument->type == promql::ValueType::matrix)
      return labels_of(*argument);
  return std::set<std::string>();
}

Set joined(Set a, const Set& b) {
  if (!a || !b) return std::nullopt;
  a->insert(b->begin(), b->end());
  return a;
}

/// prometheus.io, "Operators", vector matching.
Set labels_of_node(const promql::Binary& node) {
  using Card = promql::Matching::Card;
  if (node.lhs->type == promql::ValueType::scalar) return labels_of(*node.rhs);
  if (node.rhs->type == promql::ValueType::scalar) return labels_of(*node.lhs);
  if (node.op == promql::Op::lor) return joined(labels_of(*node.lhs), labels_of(*node.rhs));
  if (promql::is_set_operator(node.op)) return labels_of(*node.lhs);
  const promql::Matching& matching = node.matching;
  const std::set<std::string> named(matching.labels.begin(), matching.labels.end());
  if (matching.card == Card::one_to_one) {
    if (matching.on) return named;
    Set out = labels_of(*node.lhs);
    if (out)
      for (const std::string& name : named) out->erase(name);
    return out;
  }
  Set out = labels_of(matching.card == Card::one_to_many ? *node.rhs : *node.lhs);
  if (out) out->insert(matching.include.begin(), matching.include.end());
  return out;
}

}  // namespace

std::optional<std::set<std::string>> labels_of(const promql::Expr& expr) {
  return std::visit([](const auto& node) { return labels_of_node(node); }, expr.node);
}

}  // namespace chiron::rules
