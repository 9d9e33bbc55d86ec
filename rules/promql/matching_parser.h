#pragma once

#include "rules/promql/nodes.h"
#include "rules/promql/token_stream.h"

namespace chiron::promql {

/// What may stand between an operator and its right operand: on or ignoring with labels, group_left or
/// group_right with labels, and the fill modifiers. False after a syntax error.
bool parse_matching(TokenStream& tokens, Matching& matching);

}  // namespace chiron::promql
