#pragma once

#include "rules/promql/token_stream.h"

#include <optional>
#include <string>
#include <vector>

namespace chiron::promql {

/// A metric name, matchers in braces, or both. A bad regular expression is reported and left out.
std::optional<VectorSelector> parse_vector_selector(TokenStream& tokens);

/// Label names in parentheses, as after by, on, group_left; a trailing comma is allowed.
std::optional<std::vector<std::string>> parse_label_list(TokenStream& tokens);

}  // namespace chiron::promql
