#pragma once

#include "rules/promql/ast.h"
#include "rules/promql/nodes.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::promql {

enum class Tok {
  end,
  error,
  identifier,
  metric_identifier,  ///< has a colon
  number,
  duration,
  string,
  left_paren,
  right_paren,
  left_brace,
  right_brace,
  left_bracket,
  right_bracket,
  comma,
  colon,
  at,
  equal,  ///< = as in a matcher
  equal_regex,
  not_equal_regex,
  op,
  aggregator,
  keyword,
};
enum class Keyword {
  by,
  without,
  on,
  ignoring,
  group_left,
  group_right,
  bool_,
  offset,
  anchored,
  smoothed,
  fill,  ///< the three of fill only before a parenthesis
  fill_left,
  fill_right
};

struct Token {
  Tok kind = Tok::end;
  Range range;
  std::string_view text;  ///< into the expression
  Op op = Op::add;
  AggregateOp aggregate = AggregateOp::sum;
  Keyword keyword = Keyword::by;
  std::string value;  ///< a string's contents; an error's message
};

/// Splits an expression into tokens; blanks and comments vanish. The last token is `end`, or an `error` that
/// tells why the rest could not be split. `text` must outlive the tokens.
std::vector<Token> lex(std::string_view text);

/// How messages name a token: identifier "b", <op:*>, end of input.
std::string describe(const Token& token);

}  // namespace chiron::promql
