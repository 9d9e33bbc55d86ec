#include "rules/promql/build.h"

#include "rules/promql/aggregate.h"
#include "rules/promql/binary.h"
#include "rules/promql/builder.h"
#include "rules/promql/label_functions.h"

#include <fmt/format.h>

namespace chiron::promql {
namespace {

class ConstantNode final : public ScalarNode {
 public:
  explicit ConstantNode(double value) : value_(value) {}
  double eval(Context&, TimestampMs) override { return value_; }

 private:
  const double value_;
};

std::vector<ParseError> compile(const Expr& expr, bool range_query, Plan& plan) {
  Builder builder(range_query, plan);
  switch (expr.type) {
    case ValueType::scalar:
      plan.scalar = builder.scalar(expr);
      break;
    case ValueType::vector:
      plan.vector = builder.vector(expr);
      break;
    case ValueType::matrix:
      plan.matrix = builder.matrix(expr);
      break;
    case ValueType::string:
    case ValueType::none:
      break;
  }
  return builder.faults();
}

}  // namespace

const std::string& text_of(const Expr& expr) {
  return std::get<StringLiteral>(without_parens(expr).node).value;
}

ScalarPtr Builder::scalar(const Expr& parenthesised) {
  const Expr& expr = without_parens(parenthesised);
  if (const auto* number = std::get_if<NumberLiteral>(&expr.node))
    return std::make_unique<ConstantNode>(number->value);
  if (const auto* unary = std::get_if<Unary>(&expr.node))
    return make_unary(unary->minus, scalar(*unary->operand));
  if (const auto* binary = std::get_if<Binary>(&expr.node)) {
    ScalarPtr left = scalar(*binary->lhs);
    return make_scalar_binary(binary->op, std::move(left), scalar(*binary->rhs));
  }
  return build_scalar_call(*this, std::get<Call>(expr.node));
}

VectorPtr Builder::vector(const Expr& parenthesised) {
  const Expr& expr = without_parens(parenthesised);
  if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) {
    if (selector->extended != Extended::smoothed)
      return this->selector(*selector, SelectorNode::Show::values);
    check_offset(selector->modifiers);
    return std::make_unique<SmoothedNode>(plan_.selectors.emplace_back(*selector));
  }
  if (const auto* unary = std::get_if<Unary>(&expr.node))
    return make_unary(unary->minus, vector(*unary->operand));
  if (const auto* binary = std::get_if<Binary>(&expr.node)) return binary_vector(expr, *binary);
  if (const auto* aggregate = std::get_if<Aggregate>(&expr.node)) return aggregate_vector(*aggregate);
  return build_vector_call(*this, std::get<Call>(expr.node), expr.where);
}

MatrixPtr Builder::matrix(const Expr& parenthesised) {
  const Expr& expr = without_parens(parenthesised);
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    check_offset(matrix->selector.modifiers);
    check_duration(matrix->range_expr, false);
    return std::make_unique<RangeSelectorNode>(plan_.selectors.emplace_back(matrix->selector), *matrix);
  }
  const auto& subquery = std::get<Subquery>(expr.node);
  check_offset(subquery.modifiers);
  check_duration(subquery.range_expr, false);
  check_duration(subquery.step_expr, false);
  ++subqueries_;
  VectorPtr inner = vector(*subquery.inner);
  --subqueries_;
  return std::make_unique<SubqueryNode>(subquery, std::move(inner));
}

VectorPtr Builder::selector(const VectorSelector& selector, SelectorNode::Show show) {
  check_offset(selector.modifiers);
  return std::make_unique<SelectorNode>(plan_.selectors.emplace_back(selector), show);
}

ResolvedSelector& Builder::made_selector(std::vector<Matcher> matchers) {
  VectorSelector& selector = plan_.made_selectors.emplace_back();
  selector.matchers = std::move(matchers);
  return plan_.selectors.emplace_back(selector);
}

VectorPtr Builder::binary_vector(const Expr& expr, const Binary& binary) {
  const bool left_scalar = binary.lhs->type == ValueType::scalar;
  const bool right_scalar = binary.rhs->type == ValueType::scalar;
  if (is_trim(binary.op)) {
    VectorPtr left = vector(left_scalar ? *binary.rhs : *binary.lhs);
    return make_trim(expr, std::move(left), left_scalar || right_scalar ? nullptr : vector(*binary.rhs));
  }
  if (left_scalar) {
    ScalarPtr left = scalar(*binary.lhs);
    return make_vector_scalar(binary, vector(*binary.rhs), std::move(left), true);
  }
  VectorPtr left = vector(*binary.lhs);
  if (right_scalar) return make_vector_scalar(binary, std::move(left), scalar(*binary.rhs), false);
  VectorPtr right = vector(*binary.rhs);
  return is_set_operator(binary.op) ? make_set_operator(binary, std::move(left), std::move(right))
                                    : make_vector_matching(binary, std::move(left), std::move(right));
}

VectorPtr Builder::aggregate_vector(const Aggregate& aggregate) {
  VectorPtr operand = vector(*aggregate.operand);
  if (aggregate.op != AggregateOp::count_values) {
    ScalarPtr parameter = aggregate.parameter ? scalar(*aggregate.parameter) : nullptr;
    return make_aggregate(aggregate, std::move(operand), std::move(parameter), {});
  }
  const std::string& label = text_of(*aggregate.parameter);
  if (!is_utf8_name(label)) {
    fail(aggregate.parameter->range, fmt::format("invalid label name \"{}\"", label));
  }
  return make_aggregate(aggregate, std::move(operand), nullptr, label);
}

// What depends on the query is told when it is evaluated.
void Builder::check_duration(const DurationPtr& duration, bool any_sign) {
  if (!duration || depends_on_query(*duration)) return;
  const Result<std::int64_t> value = evaluate_duration(*duration, {}, any_sign);
  if (!value) fail(duration->range, value.error().message());
}

Status build(const Expr& expr, bool range_query, Plan& plan) {
  const std::vector<ParseError> faults = compile(expr, range_query, plan);
  return faults.empty() ? Status() : Status(Error(ErrorCode::invalid_argument, faults.front().message));
}

std::vector<ParseError> check_literals(const Expr& expr) {
  Plan plan;
  return compile(expr, false, plan);
}

}  // namespace chiron::promql
