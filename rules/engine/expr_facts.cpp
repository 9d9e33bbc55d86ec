#include "rules/engine/expr_facts.h"

#include "rules/promql/functions.h"
#include "rules/promql/nodes.h"

namespace chiron::rules {
namespace {

/// Adds up what lies on the way from the root: ranges and offsets of subqueries count for what is inside
/// them.
class Walk {
 public:
  ExprFacts facts;

  void visit(const promql::ExprPtr& expr, std::int64_t outer_ms) {
    if (expr == nullptr) return;
    std::visit([&](const auto& node) { enter(node, outer_ms); }, expr->node);
  }
  void visit_root(const promql::Expr& expr) {
    std::visit([&](const auto& node) { enter(node, 0); }, expr.node);
  }

 private:
  void enter(const promql::NumberLiteral&, std::int64_t) {}
  void enter(const promql::StringLiteral&, std::int64_t) {}
  void enter(const promql::VectorSelector& node, std::int64_t outer_ms) {
    need(outer_ms + node.modifiers.offset_ms);
  }
  void enter(const promql::MatrixSelector& node, std::int64_t outer_ms) {
    need(outer_ms + node.range_ms + node.selector.modifiers.offset_ms);
  }
  void enter(const promql::Subquery& node, std::int64_t outer_ms) {
    visit(node.inner, outer_ms + node.range_ms + node.modifiers.offset_ms);
  }
  void enter(const promql::Paren& node, std::int64_t outer_ms) { visit(node.inner, outer_ms); }
  void enter(const promql::Unary& node, std::int64_t outer_ms) { visit(node.operand, outer_ms); }
  void enter(const promql::Binary& node, std::int64_t outer_ms) {
    visit(node.lhs, outer_ms);
    visit(node.rhs, outer_ms);
  }
  void enter(const promql::Aggregate& node, std::int64_t outer_ms) {
    visit(node.operand, outer_ms);
    visit(node.parameter, outer_ms);
  }
  void enter(const promql::Call& node, std::int64_t outer_ms) {
    if (node.function->name.starts_with("absent")) facts.looks_for_absence = true;
    for (const promql::ExprPtr& argument : node.arguments) visit(argument, outer_ms);
  }

  void need(std::int64_t ms) {
    facts.has_selectors = true;
    facts.history = std::max(facts.history, Duration(std::chrono::milliseconds(ms)));
  }
};

}  // namespace

ExprFacts facts_of(const promql::Expr& expr) {
  Walk walk;
  walk.visit_root(expr);
  return walk.facts;
}

}  // namespace chiron::rules
