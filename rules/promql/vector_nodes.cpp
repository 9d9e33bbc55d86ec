#include "rules/promql/vector_nodes.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/numbers.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace chiron::promql {

const Elements& ValueFunctionNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  std::array<double, 2> parameters = row_.defaults;
  for (std::size_t i = 0; i < parameters_.size(); ++i) parameters[i] = parameters_[i]->eval(context, t);
  const Elements& in = operand_->eval(context, t);
  if (row_.of_bounds && parameters[0] > parameters[1]) return out_;
  for (const Element& e : in) {
    if (!context.tick()) return out_;
    out_.push_back(context.unnamed(e.labels, row_.function(e.v, parameters)));
  }
  context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

const Elements& RangeFunctionNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  if (!read_parameters(context, t)) return out_;
  const Windows& windows = operands_.range->eval(context, t);
  if (!windows.series.empty() && row_.parameters == RangeFunctionRow::Parameters::quantile) {
    warn_of_quantile(context, operands_.where, parameters_[0]);
  }
  for (const Windows::Series& series : windows.series) {
    if (!context.tick(1 + series.samples.size())) return out_;
    read_starts(context, series);
    const RangeInput input{.samples = series.samples,
                           .after = windows.after,
                           .until = windows.until,
                           .now = t,
                           .parameters = parameters_,
                           .extended = operands_.extended,
                           .starts = starts_,
                           .scratch = scratch_};
    const std::optional<double> value = row_.function(input);
    if (row_.wants_counter && !starts_.empty() && context.annotates()) note_overlap(context, series);
    if (!value) continue;
    out_.push_back(row_.keeps_name ? Element(series.labels, *value, series.drop_name)
                                   : context.unnamed(series.labels, *value));
    if (row_.wants_counter && context.annotates()) note_possible_gauge(context, series.labels);
  }
  context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

bool RangeFunctionNode::read_parameters(Context& context, TimestampMs t) {
  for (std::size_t i = 0; i < operands_.scalars.size(); ++i)
    parameters_[i] = operands_.scalars[i]->eval(context, t);
  if (row_.parameters != RangeFunctionRow::Parameters::smoothing) return true;
  static constexpr std::array<std::string_view, 2> kNames = {"smoothing", "trend"};
  static constexpr std::array<std::string_view, 2> kShort = {"sf", "tf"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (!(parameters_[i] <= 0 || parameters_[i] >= 1)) continue;
    context.fail(ErrorCode::invalid_argument, fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {}",
                                                          kNames[i], kShort[i], format_f(parameters_[i])));
    return false;
  }
  return true;
}

void RangeFunctionNode::note_possible_gauge(Context& context, SetId labels) {
  const std::uint32_t fine = name_ends_.get(context.sets, labels, [&](SetId id) -> std::uint32_t {
    const std::string_view name = context.sets[id].get(kMetricName);
    return name.empty() || name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
           name.ends_with("_bucket");
  });
  if (fine != 0) return;
  context.inform(
      operands_.where,
      fmt::format("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                  quoted(context.sets[labels].get(kMetricName))));
}

void RangeFunctionNode::read_starts(Context& context, const Windows::Series& series) {
  starts_.clear();
  const StartTimestamps* const starts = context.reader.starts();
  if (!row_.wants_starts || !context.limits.start_timestamps || starts == nullptr ||
      series.source == kNoSeries || operands_.extended != Extended::none)
    return;
  for (const Sample& sample : series.samples) starts_.push_back(starts->start_of(series.source, sample.t));
}

void RangeFunctionNode::note_overlap(Context& context, const Windows::Series& series) {
  for (std::size_t i = 1; i < starts_.size(); ++i) {
    if (starts_[i] == 0 || starts_[i] == starts_[i - 1] || starts_[i] >= series.samples[i - 1].t) continue;
    return context.warn_counting(
        operands_.where,
        fmt::format("sample has start time that overlaps with previous sample timestamp for metric {}",
                    quoted(context.sets[series.labels].get(kMetricName))));
  }
}

void warn_of_quantile(Context& context, TextPosition where, double q) {
  if (!context.annotates() || (q >= 0 && q <= 1)) return;
  context.warn(where, fmt::format("quantile value should be between 0 and 1, got {}", format_g(q)));
}

const Elements& AbsentNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const bool empty = vector_ ? vector_->eval(context, t).empty() : matrix_->eval(context, t).series.empty();
  if (empty) out_.push_back({context.intern(labels_), 1});
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
  sort_in_pieces(context, out_,
                 [this](const Element& a, const Element& b) { return comes_before(a.v, b.v, descending_); });
  return out_;
}

namespace {

bool is_digit_at(std::string_view text, std::size_t i) { return text[i] >= '0' && text[i] <= '9'; }

// The run of digits, or of anything else, that `text` begins with.
std::string_view first_run(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && is_digit_at(text, end) == is_digit_at(text, 0)) ++end;
  return text.substr(0, end);
}

// Natural order, as in Prometheus: runs of digits compare by their value, all else by its bytes.
int compare_naturally(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view x = first_run(a);
    const std::string_view y = first_run(b);
    const auto number_x = parse_int<std::uint64_t>(x);
    const auto number_y = parse_int<std::uint64_t>(y);
    if (number_x && number_y) {
      if (*number_x != *number_y) return *number_x < *number_y ? -1 : 1;
    } else if (x != y) {
      return x < y ? -1 : 1;
    }
    a.remove_prefix(x.size());
    b.remove_prefix(y.size());
  }
  return a.empty() == b.empty() ? 0 : a.empty() ? -1 : 1;
}

}  // namespace

const Elements& SortByLabelNode::eval(Context& context, TimestampMs t) {
  out_ = operand_->eval(context, t);
  const auto compare = [&](const Element& x, const Element& y) {
    const Labels& a = context.sets[x.labels];
    const Labels& b = context.sets[y.labels];
    for (const std::string& name : names_) {
      if (a.get(name) == b.get(name)) continue;
      if (const int order = compare_naturally(a.get(name), b.get(name)); order != 0) return order;
    }
    return a < b ? -1 : b < a ? 1 : 0;
  };
  sort_in_pieces(context, out_, [&](const Element& x, const Element& y) {
    return descending_ ? compare(x, y) > 0 : compare(x, y) < 0;
  });
  return out_;
}

const Elements& UselessSortNode::eval(Context& context, TimestampMs t) {
  if (in_subquery_ || context.start != context.end) {
    context.warn(where_, "sort is ineffective for range queries since results are always ordered by labels");
  }
  return operand_->eval(context, t);
}

const Elements& TimestampNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  for (const Element& e : operand_->eval(context, t)) {
    if (!context.tick()) return out_;
    out_.push_back(context.unnamed(e.labels, static_cast<double>(t) / 1000));
  }
  context.check_unique(out_);
  return out_;
}

const Elements& OfScalarNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const double value = operand_->eval(context, t);
  out_.push_back({context.intern(Labels()), value});
  return out_;
}

}  // namespace chiron::promql
