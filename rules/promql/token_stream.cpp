#include "rules/promql/token_stream.h"

#include "rules/promql/lexer_text.h"

#include <fmt/format.h>

namespace chiron::promql {

TokenStream::TokenStream(std::string_view text) : text_(text), tokens_(lex(text)), line_starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
}

TextPosition TokenStream::position_of(std::size_t offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<std::size_t>(after - line_starts_.begin()), offset - *(after - 1) + 1};
}

bool TokenStream::expect(Tok kind, std::string_view context, std::string_view expected) {
  if (accept(kind)) return true;
  return unexpected(context, expected);
}

bool TokenStream::unexpected(std::string_view context, std::string_view expected) {
  const Token& token = peek();
  if (token.kind == Tok::error) return fail(token.range, token.value);
  std::string message = fmt::format("unexpected {}", describe(token));
  if (context.empty()) context = context_;
  if (!context.empty()) message += fmt::format(" in {}", context);
  if (!expected.empty()) message += fmt::format(", expected {}", expected);
  return fail(token.range, std::move(message));
}

bool TokenStream::fail(Range range, std::string message, std::string hint) {
  if (!failed_) report(range, std::move(message), std::move(hint));
  failed_ = true;
  return false;
}

bool is_word(const Token& token) {
  return !token.text.empty() && is_alpha(token.text.front()) && token.kind != Tok::error &&
         token.kind != Tok::number;  // Inf and NaN
}

}  // namespace chiron::promql
