#pragma once

#include "rules/promql/lexer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::promql {

/// The tokens of one expression as its parsers consume them, and the errors they find. A syntax error ends
/// parsing: from then on failed() is true and every parser returns at once.
class TokenStream {
 public:
  explicit TokenStream(std::string_view text);

  std::string_view text() const { return text_; }
  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
  }
  bool at(Tok kind) const { return peek().kind == kind; }
  bool at(Keyword word) const { return at(Tok::keyword) && peek().keyword == word; }
  bool at(Op op) const { return at(Tok::op) && peek().op == op; }

  const Token& next() {
    const Token& token = peek();
    if (position_ + 1 < tokens_.size()) ++position_;
    last_end_ = token.range.end;
    return token;
  }
  bool accept(Tok kind) {
    if (!at(kind)) return false;
    next();
    return true;
  }
  bool accept(Keyword word) {
    if (!at(word)) return false;
    next();
    return true;
  }
  /// Takes a token of the kind, or fails with what was met "in `context`, expected `expected`".
  bool expect(Tok kind, std::string_view context, std::string_view expected);

  /// The line and column of an offset into the text.
  TextPosition position_of(std::size_t offset) const;

  /// End of the last token taken.
  std::size_t last_end() const { return last_end_; }

  /// What a token out of place is said to be in when no other context is given; returns the one before.
  std::string_view set_context(std::string_view context) { return std::exchange(context_, context); }
  /// Reports the next token as out of place. context and expected may be "". Always false.
  bool unexpected(std::string_view context = {}, std::string_view expected = {});
  /// A syntax error: nothing after it can be judged. Always false.
  bool fail(Range range, std::string message, std::string hint = {});
  /// An error that parsing can go on from.
  void report(Range range, std::string message, std::string hint = {}) {
    errors_.push_back({range, std::move(message), std::move(hint)});
  }
  bool failed() const { return failed_; }
  std::vector<ParseError>& errors() { return errors_; }

 private:
  std::string_view text_;
  std::vector<Token> tokens_;
  std::vector<std::size_t> line_starts_;
  std::size_t position_ = 0;
  std::size_t last_end_ = 0;
  std::string_view context_;
  std::vector<ParseError> errors_;
  bool failed_ = false;
};

/// A name: an identifier, or a keyword or operator word standing where a name is wanted.
bool is_word(const Token& token);

}  // namespace chiron::promql
