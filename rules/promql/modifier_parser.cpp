#include "rules/promql/modifier_parser.h"

#include "rules/promql/duration_parser.h"

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// The vector selector of a plain or a range selector, for modifiers; null for any other node.
Modifiers* modifiers_of(Expr& expr) {
  if (auto* selector = std::get_if<VectorSelector>(&expr.node)) return &selector->modifiers;
  if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return &matrix->selector.modifiers;
  if (auto* subquery = std::get_if<Subquery>(&expr.node)) return &subquery->modifiers;
  return nullptr;
}

// anchored and smoothed, after a selector.
void extend(TokenStream& tokens, Expr& expr, const Features& features) {
  const Token& token = tokens.next();
  const bool anchored = token.keyword == Keyword::anchored;
  const std::string_view word = anchored ? "anchored" : "smoothed";
  const Range all{expr.range.begin, tokens.last_end()};
  if (!features.extended_range_selectors) {
    tokens.report(all, fmt::format("{} modifier is experimental and not enabled", word),
                  "--enable-feature=promql-extended-range-selectors enables it");
    return;
  }
  if (std::holds_alternative<Subquery>(expr.node)) {
    tokens.report(all, fmt::format("{} modifier is not supported for subqueries", word));
    return;
  }
  auto* selector = std::get_if<VectorSelector>(&expr.node);
  if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) selector = &matrix->selector;
  if (selector == nullptr) {
    tokens.report(all, fmt::format("{} modifier not implemented", word));
    return;
  }
  const Extended wanted = anchored ? Extended::anchored : Extended::smoothed;
  if (selector->extended != Extended::none && selector->extended != wanted) {
    tokens.report(all, "anchored and smoothed modifiers cannot be used together");
  }
  selector->extended = wanted;
  expr.range.end = tokens.last_end();
}

bool parse_offset_of(TokenStream& tokens, Expr& expr) {
  tokens.next();
  auto read = parse_offset(tokens);
  if (!read) return false;
  Modifiers* modifiers = modifiers_of(expr);
  if (modifiers == nullptr) {
    tokens.report(
        expr.range,
        "offset modifier must be preceded by an instant vector selector or range vector selector or a "
        "subquery");
  } else if (modifiers->has_offset) {
    tokens.report(expr.range, "offset may not be set multiple times");
  } else {
    modifiers->has_offset = true;
    modifiers->offset_ms = read->ms;
    modifiers->offset_expr = std::move(read->expr);
  }
  expr.range.end = tokens.last_end();
  return true;
}

bool parse_at_of(TokenStream& tokens, Expr& expr) {
  tokens.next();
  Modifiers read;
  if (!parse_at(tokens, read, expr.range)) return false;
  Modifiers* modifiers = modifiers_of(expr);
  if (modifiers == nullptr) {
    tokens.report(
        expr.range,
        "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery");
  } else if (modifiers->at != Modifiers::At::none) {
    tokens.report(expr.range, "@ <timestamp> may not be set multiple times");
  } else {
    modifiers->at = read.at;
    modifiers->at_ms = read.at_ms;
  }
  expr.range.end = tokens.last_end();
  return true;
}

}  // namespace

bool at_modifier(const TokenStream& tokens) {
  return tokens.at(Tok::at) || tokens.at(Keyword::offset) || tokens.at(Keyword::anchored) ||
         tokens.at(Keyword::smoothed);
}

bool parse_modifier(TokenStream& tokens, Expr& expr, const Features& features) {
  if (tokens.at(Tok::at)) return parse_at_of(tokens, expr);
  if (tokens.at(Keyword::offset)) return parse_offset_of(tokens, expr);
  extend(tokens, expr, features);
  return true;
}

}  // namespace chiron::promql
