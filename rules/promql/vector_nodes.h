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
  RangeFunctionNode(const RangeFunctionRow& row, MatrixPtr operand, ScalarPtr parameter)
      : row_(row), operand_(std::move(operand)), parameter_(std::move(parameter)) {}
  const Elements& eval(Context& context, TimestampMs t) override;

 private:
  const RangeFunctionRow& row_;
  MatrixPtr operand_;
  ScalarPtr parameter_;  // null for most
  std::vector<double> scratch_;
  Elements out_;
  Charge charge_;
};

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
