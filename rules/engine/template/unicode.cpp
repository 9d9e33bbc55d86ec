#include "rules/engine/template/unicode.h"

#include "exporter/base/utf8.h"

#include <cwctype>

#include <locale.h>

namespace chiron::rules::tmpl {
namespace {

/// Part of glibc itself since 2.35: there without any locale package, and whatever LANG says.
locale_t unicode_locale() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

constexpr char32_t kFirstNotAscii = 0x80;

}  // namespace

Rune first_rune(std::string_view text) {
  const std::size_t size = utf8_sequence(text);
  if (size == 0) return {};
  const auto byte = [text](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  if (size == 1) return {byte(0), 1, true};
  char32_t code = byte(0) & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) code = code << 6 | (byte(i) & 0x3F);
  return {code, size, true};
}

void append_rune(std::string& out, char32_t rune) {
  if (!append_utf8(out, rune)) append_utf8(out, kReplacement);
}

std::size_t count_runes(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(first_rune(text).size);
  return count;
}

bool is_letter_or_digit(char32_t rune) {
  if (rune < kFirstNotAscii)
    return (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') || (rune >= '0' && rune <= '9');
  return unicode_locale() != nullptr && iswalnum_l(static_cast<wint_t>(rune), unicode_locale()) != 0;
}

bool is_printable(char32_t rune) {
  if (rune < kFirstNotAscii) return rune >= ' ' && rune < 0x7F;
  // glibc takes other blanks and format characters for printable, which Go does not.
  const auto wide = static_cast<wint_t>(rune);
  constexpr char32_t kNoBreakSpace = 0xA0, kSoftHyphen = 0xAD, kByteOrderMark = 0xFEFF;
  if (rune == kNoBreakSpace || rune == kSoftHyphen || rune == kByteOrderMark) return false;
  if (rune >= 0x2000 && rune <= 0x200F) return false;
  if (rune >= 0x2028 && rune <= 0x202F) return false;
  if (rune >= 0x205F && rune <= 0x206F) return false;
  if (rune >= 0xE000 && rune <= 0xF8FF) return false;
  return unicode_locale() != nullptr && iswprint_l(wide, unicode_locale()) != 0 &&
         iswspace_l(wide, unicode_locale()) == 0;
}

char32_t to_upper_rune(char32_t rune) {
  if (rune < kFirstNotAscii) return rune >= 'a' && rune <= 'z' ? rune - 'a' + 'A' : rune;
  if (unicode_locale() == nullptr) return rune;
  return static_cast<char32_t>(towupper_l(static_cast<wint_t>(rune), unicode_locale()));
}

char32_t to_lower_rune(char32_t rune) {
  if (rune < kFirstNotAscii) return rune >= 'A' && rune <= 'Z' ? rune - 'A' + 'a' : rune;
  if (unicode_locale() == nullptr) return rune;
  return static_cast<char32_t>(towlower_l(static_cast<wint_t>(rune), unicode_locale()));
}

}  // namespace chiron::rules::tmpl
