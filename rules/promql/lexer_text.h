#pragma once

#include "exporter/base/parse.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace chiron::promql {

// ASCII only and independent of the locale, as PromQL is.
inline bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
inline bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Bytes of the UTF-8 character at `pos`; 1 for a byte that starts none.
std::size_t char_size(std::string_view text, std::size_t pos);
/// The character at `pos` in single quotes; a byte that is not UTF-8 as '\xNN'.
std::string quote_char(std::string_view text, std::size_t pos);

/// The number or duration that `text` starts with; for a bad one, size includes the character that spoils it.
struct NumberScan {
  enum class Kind { number, duration, bad };
  Kind kind = Kind::bad;
  std::size_t size = 0;
};
NumberScan scan_number(std::string_view text);

/// The string literal that `text` starts with: "..." and '...' with escapes, `...` as it is.
struct StringScan {
  std::size_t size = 0;  ///< with the quotes; up to where the error was seen
  std::string value;
  std::string error;  ///< "" when fine
};
StringScan scan_string(std::string_view text);

}  // namespace chiron::promql
