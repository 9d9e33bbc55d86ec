#pragma once

#include "exporter/base/result.h"
#include "rules/promql/nodes.h"
#include "rules/promql/plan.h"
#include "rules/promql/selectors.h"

#include <deque>

namespace chiron::promql {

/// A compiled expression: one of the roots is set, by the expression's type; none for a string.
struct Plan {
  ScalarPtr scalar;
  VectorPtr vector;
  MatrixPtr matrix;
  std::deque<VectorSelector> made_selectors;  ///< those that the expression has not written
  std::deque<ResolvedSelector> selectors;     ///< all of them; the nodes refer to these
};

/// Compiles a checked expression, which must outlive the plan. `range_query` makes sort() leave the order
/// alone, as results over several steps are sorted by labels. Errors are about literal arguments: a bad
/// regular expression or label name.
Status build(const Expr& expr, bool range_query, Plan& plan);

}  // namespace chiron::promql
