#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"

namespace chiron::promql {

/// Whether the value depends on the evaluation time beyond the samples selected.
bool depends_on_time(const Expr& expr);
/// A copy with `@ t` on every selector outside subqueries and every outermost subquery that has no @ yet, and
/// for every @ start() and @ end().
ExprPtr pin(const ExprPtr& expr, TimestampMs t);
/// One step of a range result, as the instant query would give it.
Value at_step(const Matrix& matrix, TimestampMs t, bool scalar);

}  // namespace chiron::promql
