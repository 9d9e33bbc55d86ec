#pragma once

#include "rules/engine/template/lexer.h"

#include <cstddef>
#include <vector>

namespace chiron::rules::tmpl {

/// Walks over the tokens of a template. The last one, an error or the end, is never passed.
class TokenReader {
 public:
  explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek() const { return tokens_[next_]; }
  const Token& next() {
    const Token& out = tokens_[next_];
    if (next_ + 1 < tokens_.size()) ++next_;
    return out;
  }
  void skip_blanks() {
    while (peek().kind == Tok::blank) next();
  }
  const Token& peek_solid() {
    skip_blanks();
    return peek();
  }
  const Token& next_solid() {
    skip_blanks();
    return next();
  }
  /// The token after the next one, blanks left aside.
  const Token& peek_second_solid() const {
    std::size_t i = next_ + 1;
    while (i + 1 < tokens_.size() && tokens_[i].kind == Tok::blank) ++i;
    return tokens_[std::min(i, tokens_.size() - 1)];
  }

 private:
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
};

}  // namespace chiron::rules::tmpl
