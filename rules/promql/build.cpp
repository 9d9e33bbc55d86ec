#include "rules/promql/build.h"

#include "rules/promql/aggregate.h"
#include "rules/promql/binary.h"
#include "rules/promql/functions.h"
#include "rules/promql/histogram.h"
#include "rules/promql/info.h"
#include "rules/promql/label_functions.h"
#include "rules/promql/numbers.h"
#include "rules/promql/vector_nodes.h"

#include <numbers>

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

// start(), end(), step() and range() of the query, in seconds.
class QueryNode final : public ScalarNode {
 public:
  explicit QueryNode(std::string_view name) : name_(name) {}
  double eval(Context& context, TimestampMs) override {
    if (name_ == "start") return static_cast<double>(context.start) / 1000;
    if (name_ == "end") return static_cast<double>(context.end) / 1000;
    return name_ == "step" ? context.span().step : context.span().range;
  }

 private:
  const std::string_view name_;
};

class ExtremeNode final : public ScalarNode {
 public:
  ExtremeNode(bool greatest, ScalarPtr left, ScalarPtr right)
      : greatest_(greatest), left_(std::move(left)), right_(std::move(right)) {}
  double eval(Context& context, TimestampMs t) override {
    const double left = left_->eval(context, t);
    const double right = right_->eval(context, t);
    return greatest_ ? go_max(left, right) : go_min(left, right);
  }

 private:
  const bool greatest_;
  ScalarPtr left_, right_;
};

class TimeNode final : public ScalarNode {
 public:
  double eval(Context&, TimestampMs t) override { return static_cast<double>(t) / 1000; }
};

// scalar(): NaN unless the vector has exactly one element.
class OfVectorNode final : public ScalarNode {
 public:
  explicit OfVectorNode(VectorPtr operand) : operand_(std::move(operand)) {}
  double eval(Context& context, TimestampMs t) override {
    const Elements& in = operand_->eval(context, t);
    return in.size() == 1 ? in.front().v : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  VectorPtr operand_;
};

const std::string& text_of(const Expr& expr) {
  return std::get<StringLiteral>(without_parens(expr).node).value;
}

class Builder {
 public:
  Builder(bool range_query, Plan& plan) : range_query_(range_query), plan_(plan) {}

  ScalarPtr scalar(const Expr& parenthesised) {
    const Expr& expr = without_parens(parenthesised);
    if (const auto* number = std::get_if<NumberLiteral>(&expr.node))
      return std::make_unique<ConstantNode>(number->value);
    if (const auto* unary = std::get_if<Unary>(&expr.node))
      return make_unary(unary->minus, scalar(*unary->operand));
    if (const auto* binary = std::get_if<Binary>(&expr.node)) {
      ScalarPtr left = scalar(*binary->lhs);
      return make_scalar_binary(binary->op, std::move(left), scalar(*binary->rhs));
    }
    const auto& call = std::get<Call>(expr.node);
    if (call.function->name == "scalar") return std::make_unique<OfVectorNode>(vector(*call.arguments[0]));
    const std::string_view name = call.function->name;
    if (name == "pi") return std::make_unique<ConstantNode>(std::numbers::pi);
    if (name == "time") return std::make_unique<TimeNode>();
    if (call.arguments.size() != 2) return std::make_unique<QueryNode>(name);
    ScalarPtr left = scalar(*call.arguments[0]);
    return std::make_unique<ExtremeNode>(name == "max_of", std::move(left), scalar(*call.arguments[1]));
  }

  VectorPtr vector(const Expr& parenthesised) {
    const Expr& expr = without_parens(parenthesised);
    if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) {
      check_offset(selector->modifiers);
      if (selector->extended == Extended::smoothed) {
        return std::make_unique<SmoothedNode>(plan_.selectors.emplace_back(*selector));
      }
      return std::make_unique<SelectorNode>(plan_.selectors.emplace_back(*selector),
                                            SelectorNode::Show::values);
    }
    if (const auto* unary = std::get_if<Unary>(&expr.node))
      return make_unary(unary->minus, vector(*unary->operand));
    if (const auto* binary = std::get_if<Binary>(&expr.node)) return binary_vector(expr, *binary);
    if (const auto* aggregate = std::get_if<Aggregate>(&expr.node)) return aggregate_vector(*aggregate);
    return call(expr, std::get<Call>(expr.node));
  }

  MatrixPtr matrix(const Expr& parenthesised) {
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

  std::vector<ParseError> faults() { return std::move(faults_); }

 private:
  VectorPtr binary_vector(const Expr& expr, const Binary& binary) {
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

  VectorPtr aggregate_vector(const Aggregate& aggregate) {
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

  VectorPtr call(const Expr& expr, const Call& call) {
    const std::string_view name = call.function->name;
    const auto& arguments = call.arguments;
    if (const RangeFunctionRow* row = find_range_function(name)) return range_call(*row, call);
    if (const ValueFunctionRow* row = find_value_function(name)) return value_call(*row, call);
    if (name == "absent") {
      return std::make_unique<AbsentNode>(labels_for_absent(*arguments[0]), vector(*arguments[0]), nullptr);
    }
    if (name == "absent_over_time") {
      check_extended(*arguments[0], false, false, name);
      return std::make_unique<AbsentNode>(labels_for_absent(*arguments[0]), nullptr, matrix(*arguments[0]));
    }
    if (name == "vector") return std::make_unique<OfScalarNode>(scalar(*arguments[0]));
    if (name.starts_with("sort")) return sort_call(expr, call);
    if (name == "timestamp") return timestamp(*arguments[0]);
    if (name == "start_timestamp") return start_timestamp(*arguments[0]);
    if (name == "histogram_fraction") {
      ScalarPtr lower = scalar(*arguments[0]);
      ScalarPtr upper = scalar(*arguments[1]);
      return make_histogram_fraction(std::move(lower), std::move(upper), vector(*arguments[2]),
                                     position_of(arguments[2]));
    }
    if (name.starts_with("histogram_quantile")) return quantiles_call(call);
    if (name == "info") return info_call(call);
    return label_call(call);
  }

  static TextPosition position_of(const ExprPtr& argument) { return without_parens(*argument).where; }

  VectorPtr sort_call(const Expr& expr, const Call& call) {
    const std::string_view name = call.function->name;
    VectorPtr operand = vector(*call.arguments[0]);
    if (range_query_ || subqueries_ > 0) {
      return std::make_unique<UselessSortNode>(std::move(operand), expr.where, subqueries_ > 0);
    }
    if (name == "sort" || name == "sort_desc") {
      return std::make_unique<SortNode>(std::move(operand), name == "sort_desc");
    }
    std::vector<std::string> names;
    for (std::size_t i = 1; i < call.arguments.size(); ++i) names.push_back(text_of(*call.arguments[i]));
    return std::make_unique<SortByLabelNode>(std::move(operand), std::move(names),
                                             name == "sort_by_label_desc");
  }

  VectorPtr quantiles_call(const Call& call) {
    HistogramQuantiles node;
    const bool several = call.function->name == "histogram_quantiles";
    const ExprPtr& buckets = call.arguments[several ? 0 : 1];
    if (several) node.label = text_of(*call.arguments[1]);
    const std::size_t begin = several ? 2 : 0;
    const std::size_t end = several ? call.arguments.size() : 1;
    for (std::size_t i = begin; i < end; ++i) {
      node.quantiles.push_back(scalar(*call.arguments[i]));
      node.quantile_positions.push_back(position_of(call.arguments[i]));
    }
    node.buckets = vector(*buckets);
    node.where = position_of(buckets);
    return make_histogram_quantiles(std::move(node));
  }

  VectorPtr info_call(const Call& call) {
    std::vector<Matcher> wanted;
    if (call.arguments.size() > 1) wanted = std::get<VectorSelector>(call.arguments[1]->node).matchers;
    Result<InfoMatchers> matchers = info_matchers(std::move(wanted));
    if (!matchers) {
      fail(call.arguments[0]->range, matchers.error().message());
      return std::make_unique<EmptyNode>();
    }
    VectorPtr base = vector(*call.arguments[0]);
    VectorSelector& selector = plan_.made_selectors.emplace_back();
    selector.matchers = matchers->select;
    return make_info(std::move(base), plan_.selectors.emplace_back(selector), *std::move(matchers),
                     info_time(*call.arguments[0]));
  }

  VectorPtr range_call(const RangeFunctionRow& row, const Call& call) {
    RangeFunctionNode::Operands operands;
    operands.where = position_of(call.arguments.front());
    for (const ExprPtr& argument : call.arguments) {
      if (argument->type == ValueType::matrix) {
        operands.range = matrix(*argument);
        operands.extended = extended_of(*argument);
        check_extended(*argument, row.anchored, row.smoothed, row.name);
      } else {
        operands.scalars.push_back(scalar(*argument));
      }
    }
    return std::make_unique<RangeFunctionNode>(row, std::move(operands));
  }

  void check_extended(const Expr& argument, bool anchored, bool smoothed, std::string_view function) {
    const Extended extended = extended_of(argument);
    if (extended == Extended::none || (extended == Extended::anchored ? anchored : smoothed)) return;
    fail(argument.range, fmt::format("{} modifier can only be used with: {} - not with {}",
                                     extended == Extended::anchored ? "anchored" : "smoothed",
                                     functions_that_work_with(extended), function));
  }

  static Extended extended_of(const Expr& argument) {
    const auto* matrix = std::get_if<MatrixSelector>(&without_parens(argument).node);
    return matrix != nullptr ? matrix->selector.extended : Extended::none;
  }

  VectorPtr value_call(const ValueFunctionRow& row, const Call& call) {
    // Only the date functions may come without an argument: they take the evaluation time.
    if (call.arguments.empty()) {
      return std::make_unique<ValueFunctionNode>(
          row, std::make_unique<OfScalarNode>(std::make_unique<TimeNode>()), std::vector<ScalarPtr>());
    }
    std::vector<ScalarPtr> parameters;
    for (std::size_t i = 1; i < call.arguments.size(); ++i) parameters.push_back(scalar(*call.arguments[i]));
    return std::make_unique<ValueFunctionNode>(row, vector(*call.arguments[0]), std::move(parameters));
  }

  VectorPtr timestamp(const Expr& argument) {
    if (const auto* selector = std::get_if<VectorSelector>(&without_parens(argument).node)) {
      return std::make_unique<SelectorNode>(plan_.selectors.emplace_back(*selector),
                                            SelectorNode::Show::timestamps);
    }
    return std::make_unique<TimestampNode>(vector(argument));
  }
  VectorPtr start_timestamp(const Expr& argument) {
    const auto* selector = std::get_if<VectorSelector>(&without_parens(argument).node);
    if (selector == nullptr) return std::make_unique<EmptyNode>();
    return std::make_unique<SelectorNode>(plan_.selectors.emplace_back(*selector),
                                          SelectorNode::Show::starts);
  }

  // label_replace() and label_join(): the last of the signature table.
  VectorPtr label_call(const Call& call) {
    const auto& arguments = call.arguments;
    VectorPtr operand = vector(*arguments[0]);
    Result<VectorPtr> made = call.function->name == "label_replace" ? replace(std::move(operand), call)
                                                                    : join(std::move(operand), call);
    if (made) return *std::move(made);
    fail({arguments[1]->range.begin, arguments.back()->range.end}, made.error().message());
    return std::make_unique<OfScalarNode>(std::make_unique<TimeNode>());
  }

  static Result<VectorPtr> replace(VectorPtr operand, const Call& call) {
    const auto& arguments = call.arguments;
    return make_label_replace(std::move(operand), {text_of(*arguments[1]), text_of(*arguments[2]),
                                                   text_of(*arguments[3]), text_of(*arguments[4])});
  }

  static Result<VectorPtr> join(VectorPtr operand, const Call& call) {
    const auto& arguments = call.arguments;
    LabelJoinArguments join{text_of(*arguments[1]), text_of(*arguments[2]), {}};
    for (std::size_t i = 3; i < arguments.size(); ++i) join.sources.push_back(text_of(*arguments[i]));
    return make_label_join(std::move(operand), std::move(join));
  }

  void check_offset(const Modifiers& modifiers) { check_duration(modifiers.offset_expr, true); }
  // What depends on the query is told when it is evaluated.
  void check_duration(const DurationPtr& duration, bool any_sign) {
    if (!duration || depends_on_query(*duration)) return;
    const Result<std::int64_t> value = evaluate_duration(*duration, {}, any_sign);
    if (!value) fail(duration->range, value.error().message());
  }

  void fail(Range range, std::string message) { faults_.push_back({range, std::move(message), {}}); }

  const bool range_query_;
  std::size_t subqueries_ = 0;  // around what is built
  Plan& plan_;
  std::vector<ParseError> faults_;
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

Status build(const Expr& expr, bool range_query, Plan& plan) {
  const std::vector<ParseError> faults = compile(expr, range_query, plan);
  return faults.empty() ? Status() : Status(Error(ErrorCode::invalid_argument, faults.front().message));
}

std::vector<ParseError> check_literals(const Expr& expr) {
  Plan plan;
  return compile(expr, false, plan);
}

}  // namespace chiron::promql
