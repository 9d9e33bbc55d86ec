#pragma once

#include "rules/promql/nodes.h"

#include <vector>

namespace chiron::promql {

/// Finds the node's type from its operands', which are checked already, and appends what is wrong with it.
/// A node with errors still gets the type it would have, so that what is around it is judged on its own.
void check(Expr& expr, std::vector<ParseError>& errors);

/// Prometheus' short names: scalar, vector, matrix, string.
std::string_view short_name(ValueType type);

}  // namespace chiron::promql
