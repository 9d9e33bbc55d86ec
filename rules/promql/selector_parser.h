#pragma once

#include "rules/promql/token_stream.h"

#include <optional>
#include <string>
#include <vector>

namespace chiron::promql {

/// A metric name, matchers in braces, or both. A bad regular expression is reported and left out.
std::optional<VectorSelector> parse_vector_selector(TokenStream& tokens);

/// Whether one begins here.
bool at_vector_selector(const TokenStream& tokens);

/// A series selector and nothing else, as match[] of the HTTP API has one. It may select every series.
struct ParsedMatchers {
  std::vector<Matcher> matchers;   ///< with the one for the name; empty for {}
  std::vector<ParseError> errors;  ///< in the order of their discovery
};
ParsedMatchers parse_matchers(std::string_view text);

/// Label names in parentheses, as after by, on, group_left; a trailing comma is allowed.
std::optional<std::vector<std::string>> parse_label_list(TokenStream& tokens);

}  // namespace chiron::promql
