#include "rules/promql/selector_parser.h"

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr std::string_view kContext = "label matching";

void add_matcher(TokenStream& tokens, VectorSelector& selector, MatchOp op, const Token& label,
                 const Token& value) {
  const std::string name = label.kind == Tok::string ? label.value : std::string(label.text);
  Result<Matcher> matcher = Matcher::make(op, name, value.value);
  if (!matcher) {
    tokens.report({label.range.begin, value.range.end}, matcher.error().message(),
                  "regular expressions follow RE2's syntax");
    // Stands in for it, so that the selector is not also blamed for selecting everything.
    matcher = Matcher::make(MatchOp::equal, name, value.value);
    if (!matcher) return;
  }
  selector.matchers.push_back(std::move(*matcher));
}

void add_name(VectorSelector& selector, const std::string& name) {
  selector.matchers.push_back(*Matcher::make(MatchOp::equal, std::string(kMetricName), name));
}

bool parse_one_matcher(TokenStream& tokens, VectorSelector& selector) {
  const Token& name = tokens.peek();
  if (name.kind != Tok::string && !is_word(name)) return tokens.unexpected(kContext, "identifier or \"}\"");
  tokens.next();
  const Token& op = tokens.peek();
  const bool quoted = name.kind == Tok::string;
  if (quoted && (op.kind == Tok::comma || op.kind == Tok::right_brace)) {
    if (selector.name.empty()) {
      selector.name = name.value;
      selector.name_in_braces = true;
    }
    add_name(selector, name.value);
    return true;
  }
  MatchOp match = MatchOp::equal;
  if (op.kind == Tok::equal_regex) {
    match = MatchOp::regex;
  } else if (op.kind == Tok::not_equal_regex) {
    match = MatchOp::not_regex;
  } else if (tokens.at(Op::ne)) {
    match = MatchOp::not_equal;
  } else if (op.kind != Tok::equal) {
    return tokens.unexpected(kContext, "label matching operator");
  }
  tokens.next();
  const Token& value = tokens.peek();
  if (!tokens.expect(Tok::string, kContext, "string")) return false;
  add_matcher(tokens, selector, match, name, value);
  return true;
}

bool may_name_a_metric(Keyword word) {
  return word == Keyword::offset || word == Keyword::by || word == Keyword::without ||
         word == Keyword::anchored || word == Keyword::smoothed || word >= Keyword::fill;
}

}  // namespace

bool at_vector_selector(const TokenStream& tokens) {
  const Token& token = tokens.peek();
  switch (token.kind) {
    case Tok::aggregator:
    case Tok::identifier:
    case Tok::metric_identifier:
    case Tok::left_brace:
      return true;
    case Tok::keyword:
      return may_name_a_metric(token.keyword);
    case Tok::op:
      return is_word(token) && token.op != Op::atan2;
    default:
      return false;
  }
}

ParsedMatchers parse_matchers(std::string_view text) {
  TokenStream tokens(text);
  std::optional<VectorSelector> selector;
  if (at_vector_selector(tokens)) selector = parse_vector_selector(tokens);
  if (!tokens.failed() && (!selector || !tokens.at(Tok::end))) tokens.unexpected();
  ParsedMatchers parsed;
  parsed.errors = std::move(tokens.errors());
  if (parsed.errors.empty()) parsed.matchers = std::move(selector->matchers);
  return parsed;
}

std::optional<VectorSelector> parse_vector_selector(TokenStream& tokens) {
  VectorSelector selector;
  if (!tokens.at(Tok::left_brace)) {
    selector.name = std::string(tokens.next().text);
    add_name(selector, selector.name);
    if (!tokens.at(Tok::left_brace)) return selector;
  }
  tokens.next();
  while (!tokens.at(Tok::right_brace)) {
    if (!parse_one_matcher(tokens, selector)) return std::nullopt;
    if (tokens.at(Tok::right_brace)) break;
    if (!tokens.expect(Tok::comma, kContext, "\",\" or \"}\"")) return std::nullopt;
  }
  tokens.next();
  return selector;
}

std::optional<std::vector<std::string>> parse_label_list(TokenStream& tokens) {
  constexpr std::string_view kGrouping = "grouping opts";
  if (!tokens.expect(Tok::left_paren, kGrouping, "\"(\"")) return std::nullopt;
  std::vector<std::string> labels;
  while (!tokens.at(Tok::right_paren)) {
    const Token& label = tokens.peek();
    if (label.kind == Tok::string) {
      labels.push_back(label.value);
    } else if (is_word(label)) {
      labels.emplace_back(label.text);
    } else {
      tokens.unexpected(kGrouping, "label");
      return std::nullopt;
    }
    tokens.next();
    if (tokens.at(Tok::right_paren)) break;
    if (!tokens.expect(Tok::comma, kGrouping, "\",\" or \")\"")) return std::nullopt;
  }
  tokens.next();
  return labels;
}

}  // namespace chiron::promql
