#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"

namespace chiron::promql {

/// Arithmetic and atan2; comparisons give 1 or 0.
double apply(Op op, double left, double right);

/// Scalar with scalar.
ScalarPtr make_scalar_binary(Op op, ScalarPtr left, ScalarPtr right);
/// A vector with a scalar; `scalar_left` tells the order they were written in.
VectorPtr make_vector_scalar(const Binary& binary, VectorPtr vector, ScalarPtr scalar, bool scalar_left);
/// Vector matching: arithmetic, comparison (matching.cpp) and set operators (set_operators.cpp).
VectorPtr make_vector_matching(const Binary& binary, VectorPtr left, VectorPtr right);
VectorPtr make_set_operator(const Binary& binary, VectorPtr left, VectorPtr right);
/// `</` and `>/`. `right` is null when the other operand is a scalar.
VectorPtr make_trim(const Expr& expr, VectorPtr left, VectorPtr right);
/// The sign; + gives the operand back.
VectorPtr make_unary(bool minus, VectorPtr operand);
ScalarPtr make_unary(bool minus, ScalarPtr operand);

/// What elements are matched by, per label set, worked out once.
class Signatures {
 public:
  explicit Signatures(const Matching& matching) : matching_(matching) {}
  SetId of(Context& context, SetId labels) {
    return map_.get(context.sets, labels, [&](SetId id) {
      const Labels& all = context.sets[id];
      return context.intern(matching_.on ? keep_labels(all, matching_.labels)
                                         : drop_labels(all, matching_.labels));
    });
  }

 private:
  const Matching& matching_;
  SetMap map_;
};

}  // namespace chiron::promql
