#include "rules/promql/matching_parser.h"

#include "rules/promql/duration_parser.h"
#include "rules/promql/selector_parser.h"

namespace chiron::promql {
namespace {

// fill(x), fill_left(x), fill_right(x), or the last two in either order.
bool parse_fill(TokenStream& tokens, Matching& matching) {
  while (true) {
    const bool both = tokens.at(Keyword::fill) && !matching.fill_left && !matching.fill_right;
    const bool left = tokens.at(Keyword::fill_left) && !matching.fill_left;
    const bool right = tokens.at(Keyword::fill_right) && !matching.fill_right;
    if (!both && !left && !right) return true;
    tokens.next();
    if (!tokens.expect(Tok::left_paren, "", "")) return false;
    double sign = 1;
    if (tokens.at(Op::add) || tokens.at(Op::sub)) sign = tokens.next().op == Op::sub ? -1 : 1;
    const Token& token = tokens.peek();
    if (token.kind != Tok::number && token.kind != Tok::duration) return tokens.unexpected();
    tokens.next();
    const double value =
        sign * (token.kind == Tok::number ? number_value(tokens, token) : duration_value(tokens, token));
    if (!tokens.expect(Tok::right_paren, "", "")) return false;
    if (both || left) matching.fill_left = value;
    if (both || right) matching.fill_right = value;
    if (both) return true;
  }
}

bool parse_labels(TokenStream& tokens, Matching& matching) {
  if (!tokens.at(Keyword::on) && !tokens.at(Keyword::ignoring)) return true;
  matching.on = tokens.next().keyword == Keyword::on;
  auto labels = parse_label_list(tokens);
  if (!labels) return false;
  matching.labels = std::move(*labels);
  if (!tokens.at(Keyword::group_left) && !tokens.at(Keyword::group_right)) return true;
  const bool left = tokens.next().keyword == Keyword::group_left;
  matching.card = left ? Matching::Card::many_to_one : Matching::Card::one_to_many;
  // Parentheses right after group_left hold its labels, never the operand.
  if (!tokens.at(Tok::left_paren)) return true;
  auto include = parse_label_list(tokens);
  if (!include) return false;
  matching.include = std::move(*include);
  return true;
}

}  // namespace

bool parse_matching(TokenStream& tokens, Matching& matching) {
  return parse_labels(tokens, matching) && parse_fill(tokens, matching);
}

}  // namespace chiron::promql
