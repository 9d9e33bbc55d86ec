#include "remediation/engine/vacuous.h"

#include "rules/promql/functions.h"
#include "rules/promql/nodes.h"

#include <algorithm>
#include <cmath>

namespace chiron::remediation {
namespace {

using promql::Expr;
using promql::Op;

bool is_filter(const promql::Binary& node) { return promql::is_comparison(node.op) && !node.return_bool; }

/// The value of a number written out.
std::optional<double> constant(const Expr& outer) {
  const Expr& expr = promql::without_parens(outer);
  if (const auto* number = std::get_if<promql::NumberLiteral>(&expr.node)) return number->value;
  if (const auto* unary = std::get_if<promql::Unary>(&expr.node)) {
    const std::optional<double> operand = constant(*unary->operand);
    return operand && unary->minus ? -*operand : operand;
  }
  return std::nullopt;
}

/// A vector that has an element without any sample.
bool is_always_there(const Expr& outer) {
  const Expr& expr = promql::without_parens(outer);
  if (const auto* call = std::get_if<promql::Call>(&expr.node)) return call->function->name == "vector";
  if (const auto* unary = std::get_if<promql::Unary>(&expr.node)) return is_always_there(*unary->operand);
  const auto* binary = std::get_if<promql::Binary>(&expr.node);
  if (binary == nullptr) return false;
  if (binary->op == Op::lor) return is_always_there(*binary->lhs) || is_always_there(*binary->rhs);
  if (is_filter(*binary) || promql::is_set_operator(binary->op)) return false;
  return (is_always_there(*binary->lhs) && constant(*binary->rhs)) ||
         (is_always_there(*binary->rhs) && constant(*binary->lhs));
}

/// Whether only the presence of samples decides if there is a result: nothing in it drops elements by their
/// value.
bool ignores_values(const Expr& outer) {
  const Expr& expr = promql::without_parens(outer);
  if (const auto* unary = std::get_if<promql::Unary>(&expr.node)) return ignores_values(*unary->operand);
  if (const auto* subquery = std::get_if<promql::Subquery>(&expr.node))
    return ignores_values(*subquery->inner);
  if (const auto* aggregate = std::get_if<promql::Aggregate>(&expr.node))
    return ignores_values(*aggregate->operand);
  if (const auto* call = std::get_if<promql::Call>(&expr.node)) {
    if (call->function->name.starts_with("absent")) return false;
    return std::ranges::all_of(call->arguments,
                               [](const promql::ExprPtr& argument) { return ignores_values(*argument); });
  }
  if (const auto* binary = std::get_if<promql::Binary>(&expr.node)) {
    if (is_filter(*binary) || binary->op == Op::unless) return false;
    return ignores_values(*binary->lhs) && ignores_values(*binary->rhs);
  }
  return true;
}

}  // namespace

std::optional<std::string> why_vacuous(const promql::Parsed& verification) {
  if (!verification.ok()) return std::nullopt;
  const Expr& expr = *verification.expr;
  if (const std::optional<double> value = constant(expr)) {
    return *value != 0 && !std::isnan(*value) ? "it holds whatever the samples say" : "it can never hold";
  }
  if (verification.type != promql::ValueType::vector) return std::nullopt;
  if (is_always_there(expr)) return "it holds whatever the samples say";
  if (ignores_values(expr)) return "it holds as soon as there are samples, whatever their values";
  return std::nullopt;
}

}  // namespace chiron::remediation
