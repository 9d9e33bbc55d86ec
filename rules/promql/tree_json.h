#pragma once

#include "rules/promql/ast.h"

#include <string>

namespace chiron::promql {

/// Appends the tree of an expression as Prometheus' /api/v1/parse_query has it (web/api/v1/translate_ast.go).
/// Durations are milliseconds.
void append_tree_json(std::string& out, const Expr& expr);

}  // namespace chiron::promql
