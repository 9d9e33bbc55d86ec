#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"
#include "rules/promql/token_stream.h"

namespace chiron::promql {

/// Whether offset, @, anchored or smoothed comes next.
bool at_modifier(const TokenStream& tokens);
/// Reads it, for the selector or subquery before it; reports one that does not fit there. False after a
/// syntax error.
bool parse_modifier(TokenStream& tokens, Expr& expr, const Features& features);

}  // namespace chiron::promql
