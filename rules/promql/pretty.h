#pragma once

#include "rules/promql/ast.h"

#include <string>

namespace chiron::promql {

/// The expression as `promtool promql format` lays it out: what is longer than a line is broken, two blanks a
/// level.
std::string pretty(const Expr& expr);

}  // namespace chiron::promql
