#pragma once

#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

/// Go's strconv.Quote; `ascii`: QuoteToASCII.
std::string go_quote(std::string_view text, bool ascii = false);
/// Go's strconv.QuoteRune.
std::string go_quote_rune(char32_t rune, bool ascii = false);
/// Whether the text can stand between back quotes on one line.
bool can_backquote(std::string_view text);

}  // namespace chiron::rules::tmpl
