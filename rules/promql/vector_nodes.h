#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"
#include "rules/promql/range_functions.h"

#include <array>
#include <string_view>
#include <vector>

namespace chiron::promql {

/// A function of each element's value and of scalars; the name goes.
struct ValueFunctionRow {
  std::string_view name;
  double (*function)(double value, const std::array<double, 2>& parameters);
  std::array<double, 2> defaults{};
  bool of_bounds = false;  ///< the parameters are some; the wrong way round there is no result at all
};
/// Null for a function that is not computed element by element.
const ValueFunctionRow* find_value_function(std::string_view name);

class ValueFunctionNode final : public VectorNode {
 public:
  ValueFunctionNode(const ValueFunctionRow& row, VectorPtr operand, std::vector<ScalarPtr> parameters)
      : row_(row), operand_(std::move(operand)), parameters_(std::move(parameters)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  const ValueFunctionRow& row_;
  VectorPtr operand_;
  std::vector<ScalarPtr> parameters_;
  Elements out_;
  Charge charge_;
};

class RangeFunctionNode final : public VectorNode {
 public:
  struct Operands {
    MatrixPtr range;
    std::vector<ScalarPtr> scalars;  ///< in their order; most functions have none
    Extended extended = Extended::none;
    TextPosition where;  ///< of the first argument
  };
  RangeFunctionNode(const RangeFunctionRow& row, Operands operands)
      : row_(row), operands_(std::move(operands)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  bool read_parameters(Context& context, TimestampMs t);
  void note_possible_gauge(Context& context, SetId labels);
  void read_starts(Context& context, const Windows::Series& series);
  void note_overlap(Context& context, const Windows::Series& series);

  const RangeFunctionRow& row_;
  Operands operands_;
  std::array<double, 2> parameters_{};
  std::vector<double> scratch_;
  std::vector<TimestampMs> starts_;
  SetMap name_ends_;  // 1 for a label set whose name ends as a counter's
  Elements out_;
  Charge charge_;
};

/// The warning about a quantile that is none.
void warn_of_quantile(Context& context, TextPosition where, double q);

/// absent() and absent_over_time(): one element when there is none.
class AbsentNode final : public VectorNode {
 public:
  /// One of the operands is null. `labels` is what a missing series would have.
  AbsentNode(Labels labels, VectorPtr vector, MatrixPtr matrix)
      : labels_(std::move(labels)), vector_(std::move(vector)), matrix_(std::move(matrix)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  const Labels labels_;
  VectorPtr vector_;
  MatrixPtr matrix_;
  Elements out_;
};
/// The labels that absent() can tell from its argument's matchers.
Labels labels_for_absent(const Expr& argument);

/// sort() and sort_desc(); NaN comes last in both.
class SortNode final : public VectorNode {
 public:
  SortNode(VectorPtr operand, bool descending) : operand_(std::move(operand)), descending_(descending) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  VectorPtr operand_;
  const bool descending_;
  Elements out_;
};

/// sort_by_label() and sort_by_label_desc(): numbers within values compare as numbers.
class SortByLabelNode final : public VectorNode {
 public:
  SortByLabelNode(VectorPtr operand, std::vector<std::string> names, bool descending)
      : operand_(std::move(operand)), names_(std::move(names)), descending_(descending) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  VectorPtr operand_;
  const std::vector<std::string> names_;
  const bool descending_;
  Elements out_;
};

/// start_timestamp() of what is computed: that has none.
class EmptyNode final : public VectorNode {
 public:
  const Elements& eval(Context&, TimestampMs) override { return out_; }

 private:
  const Elements out_;
};

/// Says that a sort does nothing: over several steps of a range query or of a subquery.
class UselessSortNode final : public VectorNode {
 public:
  UselessSortNode(VectorPtr operand, TextPosition where, bool in_subquery)
      : operand_(std::move(operand)), where_(where), in_subquery_(in_subquery) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  VectorPtr operand_;
  const TextPosition where_;
  const bool in_subquery_;
};

/// timestamp() of anything but a selector: the evaluation time.
class TimestampNode final : public VectorNode {
 public:
  explicit TimestampNode(VectorPtr operand) : operand_(std::move(operand)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  VectorPtr operand_;
  Elements out_;
};

/// vector(): one element without labels.
class OfScalarNode final : public VectorNode {
 public:
  explicit OfScalarNode(ScalarPtr operand) : operand_(std::move(operand)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  ScalarPtr operand_;
  Elements out_;
};

}  // namespace chiron::promql
