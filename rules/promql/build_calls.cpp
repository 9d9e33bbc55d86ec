#include "rules/promql/builder.h"
#include "rules/promql/functions.h"
#include "rules/promql/histogram.h"
#include "rules/promql/info.h"
#include "rules/promql/label_functions.h"
#include "rules/promql/numbers.h"
#include "rules/promql/vector_nodes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

class PiNode final : public ScalarNode {
 public:
  double eval(Context&, TimestampMs) override { return std::numbers::pi; }
};

// start(), end(), step() and range() of the query, in seconds.
class QueryNode final : public ScalarNode {
 public:
  using Answer = double (*)(const Context& context);
  explicit QueryNode(Answer answer) : answer_(answer) {}
  double eval(Context& context, TimestampMs) override { return answer_(context); }

 private:
  const Answer answer_;
};

double start_of(const Context& context) { return static_cast<double>(context.start) / 1000; }
double end_of(const Context& context) { return static_cast<double>(context.end) / 1000; }
double step_of(const Context& context) { return context.span().step; }
double range_of(const Context& context) { return context.span().range; }

class TimeNode final : public ScalarNode {
 public:
  double eval(Context&, TimestampMs t) override { return static_cast<double>(t) / 1000; }
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

TextPosition position_of(const ExprPtr& argument) { return without_parens(*argument).where; }

const VectorSelector* selector_in(const Call& call) {
  return std::get_if<VectorSelector>(&without_parens(*call.arguments[0]).node);
}

Extended extended_of(const Expr& argument) {
  const auto* matrix = std::get_if<MatrixSelector>(&without_parens(argument).node);
  return matrix != nullptr ? matrix->selector.extended : Extended::none;
}

void check_extended(Builder& builder, const Expr& argument, bool anchored, bool smoothed,
                    std::string_view function) {
  const Extended extended = extended_of(argument);
  if (extended == Extended::none || (extended == Extended::anchored ? anchored : smoothed)) return;
  builder.fail(argument.range, fmt::format("{} modifier can only be used with: {} - not with {}",
                                           extended == Extended::anchored ? "anchored" : "smoothed",
                                           functions_that_work_with(extended), function));
}

VectorPtr range_call(Builder& builder, const RangeFunctionRow& row, const Call& call) {
  RangeFunctionNode::Operands operands;
  operands.where = position_of(call.arguments.front());
  for (const ExprPtr& argument : call.arguments) {
    if (argument->type == ValueType::matrix) {
      operands.range = builder.matrix(*argument);
      operands.extended = extended_of(*argument);
      check_extended(builder, *argument, row.anchored, row.smoothed, row.name);
    } else {
      operands.scalars.push_back(builder.scalar(*argument));
    }
  }
  return std::make_unique<RangeFunctionNode>(row, std::move(operands));
}

VectorPtr value_call(Builder& builder, const ValueFunctionRow& row, const Call& call) {
  // Only the date functions may come without an argument: they take the evaluation time.
  if (call.arguments.empty()) {
    return std::make_unique<ValueFunctionNode>(
        row, std::make_unique<OfScalarNode>(std::make_unique<TimeNode>()), std::vector<ScalarPtr>());
  }
  std::vector<ScalarPtr> parameters;
  for (std::size_t i = 1; i < call.arguments.size(); ++i)
    parameters.push_back(builder.scalar(*call.arguments[i]));
  return std::make_unique<ValueFunctionNode>(row, builder.vector(*call.arguments[0]), std::move(parameters));
}

ScalarPtr scalar_of(Builder& builder, const Call& call) {
  return std::make_unique<OfVectorNode>(builder.vector(*call.arguments[0]));
}
template <class Node>
ScalarPtr alone(Builder&, const Call&) {
  return std::make_unique<Node>();
}
template <QueryNode::Answer kAnswer>
ScalarPtr of_query(Builder&, const Call&) {
  return std::make_unique<QueryNode>(kAnswer);
}
template <bool kGreatest>
ScalarPtr extreme(Builder& builder, const Call& call) {
  ScalarPtr left = builder.scalar(*call.arguments[0]);
  return std::make_unique<ExtremeNode>(kGreatest, std::move(left), builder.scalar(*call.arguments[1]));
}

VectorPtr absent(Builder& builder, const Call& call, TextPosition) {
  const Expr& argument = *call.arguments[0];
  return std::make_unique<AbsentNode>(labels_for_absent(argument), builder.vector(argument), nullptr);
}

VectorPtr absent_over_time(Builder& builder, const Call& call, TextPosition) {
  const Expr& argument = *call.arguments[0];
  check_extended(builder, argument, false, false, call.function->name);
  return std::make_unique<AbsentNode>(labels_for_absent(argument), nullptr, builder.matrix(argument));
}

VectorPtr vector_of(Builder& builder, const Call& call, TextPosition) {
  return std::make_unique<OfScalarNode>(builder.scalar(*call.arguments[0]));
}

VectorPtr histogram_fraction(Builder& builder, const Call& call, TextPosition) {
  const auto& arguments = call.arguments;
  ScalarPtr lower = builder.scalar(*arguments[0]);
  ScalarPtr upper = builder.scalar(*arguments[1]);
  return make_histogram_fraction(std::move(lower), std::move(upper), builder.vector(*arguments[2]),
                                 position_of(arguments[2]));
}

// Over several steps nothing sorts: a node in its place says so.
template <bool kDescending>
VectorPtr sort(Builder& builder, const Call& call, TextPosition where) {
  VectorPtr operand = builder.vector(*call.arguments[0]);
  if (builder.has_steps())
    return std::make_unique<UselessSortNode>(std::move(operand), where, builder.in_subquery());
  return std::make_unique<SortNode>(std::move(operand), kDescending);
}
template <bool kDescending>
VectorPtr sort_by_label(Builder& builder, const Call& call, TextPosition where) {
  VectorPtr operand = builder.vector(*call.arguments[0]);
  if (builder.has_steps())
    return std::make_unique<UselessSortNode>(std::move(operand), where, builder.in_subquery());
  std::vector<std::string> names;
  for (std::size_t i = 1; i < call.arguments.size(); ++i) names.push_back(text_of(*call.arguments[i]));
  return std::make_unique<SortByLabelNode>(std::move(operand), std::move(names), kDescending);
}

void add_quantile(Builder& builder, HistogramQuantiles& node, const ExprPtr& quantile) {
  node.quantiles.push_back(builder.scalar(*quantile));
  node.quantile_positions.push_back(position_of(quantile));
}

VectorPtr quantiles(Builder& builder, HistogramQuantiles node, const ExprPtr& buckets) {
  node.buckets = builder.vector(*buckets);
  node.where = position_of(buckets);
  return make_histogram_quantiles(std::move(node));
}

VectorPtr histogram_quantile(Builder& builder, const Call& call, TextPosition) {
  HistogramQuantiles node;
  add_quantile(builder, node, call.arguments[0]);
  return quantiles(builder, std::move(node), call.arguments[1]);
}

VectorPtr histogram_quantiles(Builder& builder, const Call& call, TextPosition) {
  HistogramQuantiles node;
  node.label = text_of(*call.arguments[1]);
  for (std::size_t i = 2; i < call.arguments.size(); ++i) add_quantile(builder, node, call.arguments[i]);
  return quantiles(builder, std::move(node), call.arguments[0]);
}

VectorPtr info(Builder& builder, const Call& call, TextPosition) {
  std::vector<Matcher> wanted;
  if (call.arguments.size() > 1) wanted = std::get<VectorSelector>(call.arguments[1]->node).matchers;
  Result<InfoMatchers> matchers = info_matchers(std::move(wanted));
  if (!matchers) {
    builder.fail(call.arguments[0]->range, matchers.error().message());
    return std::make_unique<EmptyNode>();
  }
  VectorPtr base = builder.vector(*call.arguments[0]);
  ResolvedSelector& series = builder.made_selector(matchers->select);
  return make_info(std::move(base), series, *std::move(matchers), info_time(*call.arguments[0]));
}

VectorPtr timestamp(Builder& builder, const Call& call, TextPosition) {
  if (const VectorSelector* selector = selector_in(call))
    return builder.selector(*selector, SelectorNode::Show::timestamps);
  return std::make_unique<TimestampNode>(builder.vector(*call.arguments[0]));
}
VectorPtr start_timestamp(Builder& builder, const Call& call, TextPosition) {
  if (const VectorSelector* selector = selector_in(call))
    return builder.selector(*selector, SelectorNode::Show::starts);
  return std::make_unique<EmptyNode>();
}

// Prometheus' errors of these are of all arguments but the first.
VectorPtr checked(Builder& builder, const Call& call, Result<VectorPtr> made) {
  if (made) return *std::move(made);
  builder.fail({call.arguments[1]->range.begin, call.arguments.back()->range.end}, made.error().message());
  return std::make_unique<EmptyNode>();
}

VectorPtr label_replace(Builder& builder, const Call& call, TextPosition) {
  const auto& arguments = call.arguments;
  VectorPtr operand = builder.vector(*arguments[0]);
  return checked(builder, call,
                 make_label_replace(std::move(operand), {text_of(*arguments[1]), text_of(*arguments[2]),
                                                         text_of(*arguments[3]), text_of(*arguments[4])}));
}

VectorPtr label_join(Builder& builder, const Call& call, TextPosition) {
  const auto& arguments = call.arguments;
  VectorPtr operand = builder.vector(*arguments[0]);
  LabelJoinArguments join{text_of(*arguments[1]), text_of(*arguments[2]), {}};
  for (std::size_t i = 3; i < arguments.size(); ++i) join.sources.push_back(text_of(*arguments[i]));
  return checked(builder, call, make_label_join(std::move(operand), std::move(join)));
}

// Functions that are neither of a value nor of a range.
template <class Build>
struct Row {
  std::string_view name;
  Build build;
};
using ScalarRow = Row<ScalarPtr (*)(Builder&, const Call&)>;
using VectorRow = Row<VectorPtr (*)(Builder&, const Call&, TextPosition)>;

constexpr std::array kScalarCalls = {
    ScalarRow{"end", of_query<end_of>},     ScalarRow{"max_of", extreme<true>},
    ScalarRow{"min_of", extreme<false>},    ScalarRow{"pi", alone<PiNode>},
    ScalarRow{"range", of_query<range_of>}, ScalarRow{"scalar", scalar_of},
    ScalarRow{"start", of_query<start_of>}, ScalarRow{"step", of_query<step_of>},
    ScalarRow{"time", alone<TimeNode>},
};

constexpr std::array kVectorCalls = {
    VectorRow{"absent", absent},
    VectorRow{"absent_over_time", absent_over_time},
    VectorRow{"histogram_fraction", histogram_fraction},
    VectorRow{"histogram_quantile", histogram_quantile},
    VectorRow{"histogram_quantiles", histogram_quantiles},
    VectorRow{"info", info},
    VectorRow{"label_join", label_join},
    VectorRow{"label_replace", label_replace},
    VectorRow{"sort", sort<false>},
    VectorRow{"sort_by_label", sort_by_label<false>},
    VectorRow{"sort_by_label_desc", sort_by_label<true>},
    VectorRow{"sort_desc", sort<true>},
    VectorRow{"start_timestamp", start_timestamp},
    VectorRow{"timestamp", timestamp},
    VectorRow{"vector", vector_of},
};

// The type check has seen to it that the function is one of them.
auto build_of(const auto& rows, const Call& call) {
  return std::find_if(rows.begin(), rows.end(),
                      [&](const auto& row) { return row.name == call.function->name; })
      ->build;
}

}  // namespace

ScalarPtr build_scalar_call(Builder& builder, const Call& call) {
  return build_of(kScalarCalls, call)(builder, call);
}

VectorPtr build_vector_call(Builder& builder, const Call& call, TextPosition where) {
  const std::string_view name = call.function->name;
  if (const RangeFunctionRow* row = find_range_function(name)) return range_call(builder, *row, call);
  if (const ValueFunctionRow* row = find_value_function(name)) return value_call(builder, *row, call);
  return build_of(kVectorCalls, call)(builder, call, where);
}

}  // namespace chiron::promql
