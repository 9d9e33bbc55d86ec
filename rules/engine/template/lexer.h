#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules::tmpl {

enum class Tok : std::uint8_t {
  error,  ///< the last token: its text is the message
  end_of_text,
  text,
  open,   ///< {{ with its trim marker
  close,  ///< }}
  blank,
  open_parenthesis,
  close_parenthesis,
  pipe,
  declare,  ///< :=
  assign,   ///< =
  comma,
  other,  ///< an ASCII character that means nothing
  variable,
  field,  ///< .name
  dot,
  identifier,
  boolean,
  number,  ///< characters and complex numbers too
  quoted,
  raw_quoted,
  // Keywords.
  nil,
  block,
  break_,
  continue_,
  define,
  else_,
  end,
  if_,
  range,
  template_,
  with,
};

struct Token {
  Tok kind = Tok::error;
  std::size_t at = 0;  ///< byte of the template
  std::string text;    ///< as written; of an error the message
  std::string hint;    ///< of an error: how to mend it; may be empty
};

/// Splits a template as text/template does (pkg.go.dev/text/template): texts, trimmed where markers say so,
/// and what stands between {{ and }}; comments are gone. The last token is an error or end_of_text.
std::vector<Token> lex_template(std::string_view text);

}  // namespace chiron::rules::tmpl
