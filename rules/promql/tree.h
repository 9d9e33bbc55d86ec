#pragma once

#include "rules/promql/promql.h"

#include <string>

namespace chiron::promql {

/// The expression as a tree for a person: a line for each node with its kind, type and text, indented by its
/// depth.
std::string tree_text(const Expr& expr);

/// The tables of docs/promql.md in Markdown: functions with their arguments, and aggregations.
std::string reference_tables();

/// name(range vector, [scalar])
std::string signature_text(const FunctionInfo& function);

}  // namespace chiron::promql
