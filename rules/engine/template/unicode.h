#pragma once

#include <string>
#include <string_view>

namespace chiron::rules::tmpl {

inline constexpr char32_t kReplacement = 0xFFFD;
inline constexpr char32_t kMaxRune = 0x10FFFF;

struct Rune {
  char32_t code = kReplacement;
  std::size_t size = 1;  ///< bytes; of ill-formed text one
  bool valid = false;
};
/// The first character of a text that is not empty.
Rune first_rune(std::string_view text);
/// As UTF-8; what is no character as U+FFFD.
void append_rune(std::string& out, char32_t rune);
/// Go counts a byte that belongs to no sequence as one character.
std::size_t count_runes(std::string_view text);

/// Go's unicode.IsLetter or unicode.IsDigit, as far as the C.UTF-8 locale knows them.
bool is_letter_or_digit(char32_t rune);
bool is_printable(char32_t rune);
char32_t to_upper_rune(char32_t rune);
char32_t to_lower_rune(char32_t rune);

}  // namespace chiron::rules::tmpl
