#include "rules/promql/vector_nodes.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace chiron::promql {

const Elements& ValueFunctionNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  std::array<double, 2> parameters = row_.defaults;
  for (std::size_t i = 0; i < parameters_.size(); ++i) parameters[i] = parameters_[i]->eval(context, t);
  const Elements& in = operand_->eval(context, t);
  // clamp() with its bounds the wrong way round has no result at all.
  if (row_.name == "clamp" && parameters[0] > parameters[1]) return out_;
  for (const Element& e : in) {
    if (!context.tick()) return out_;
    out_.push_back({context.sets.without_name(e.labels), row_.function(e.v, parameters)});
  }
  context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

const Elements& RangeFunctionNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const double parameter = parameter_ ? parameter_->eval(context, t) : 0;
  const Windows& windows = operand_->eval(context, t);
  for (const Windows::Series& series : windows.series) {
    if (!context.tick(1 + series.samples.size())) return out_;
    const RangeInput input{series.samples, windows.after, windows.until, t, parameter, scratch_};
    const std::optional<double> value = row_.function(input);
    if (value)
      out_.push_back({row_.keeps_name ? series.labels : context.sets.without_name(series.labels), *value});
  }
  context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

const Elements& AbsentNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const bool empty = vector_ ? vector_->eval(context, t).empty() : matrix_->eval(context, t).series.empty();
  if (empty) out_.push_back({context.sets.intern(labels_), 1});
  return out_;
}

Labels labels_for_absent(const Expr& argument) {
  const Expr& bare = without_parens(argument);
  const auto* selector = std::get_if<VectorSelector>(&bare.node);
  if (const auto* matrix = std::get_if<MatrixSelector>(&bare.node)) selector = &matrix->selector;
  Labels labels;
  if (selector == nullptr) return labels;
  std::set<std::string> seen;
  for (const Matcher& matcher : selector->matchers) {
    if (matcher.name() == kMetricName) continue;
    // A label matched twice, or not by equality, could have had any value.
    if (matcher.op() == MatchOp::equal && seen.insert(matcher.name()).second) {
      labels.set(matcher.name(), matcher.value());
    } else {
      labels.erase(matcher.name());
    }
  }
  return labels;
}

const Elements& SortNode::eval(Context& context, TimestampMs t) {
  out_ = operand_->eval(context, t);
  sort_in_pieces(context, out_, [this](const Element& a, const Element& b) {
    if (std::isnan(a.v) || std::isnan(b.v)) return !std::isnan(a.v) && std::isnan(b.v);
    return descending_ ? a.v > b.v : a.v < b.v;
  });
  return out_;
}

const Elements& TimestampNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  for (const Element& e : operand_->eval(context, t)) {
    if (!context.tick()) return out_;
    out_.push_back({context.sets.without_name(e.labels), static_cast<double>(t) / 1000});
  }
  context.check_unique(out_);
  return out_;
}

const Elements& OfScalarNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const double value = operand_->eval(context, t);
  out_.push_back({context.sets.intern(Labels()), value});
  return out_;
}

}  // namespace chiron::promql
