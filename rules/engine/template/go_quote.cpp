#include "rules/engine/template/go_quote.h"

#include "rules/engine/template/unicode.h"

#include <iterator>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

void append_escaped(std::string& out, char32_t rune, char delimiter, bool ascii) {
  static constexpr std::string_view kFrom = "\a\b\f\n\r\t\v";
  static constexpr std::string_view kTo = "abfnrtv";
  const auto code = static_cast<std::uint32_t>(rune);
  if (rune == static_cast<char32_t>(delimiter) || rune == '\\') {
    out += '\\';
    out += static_cast<char>(rune);
  } else if (rune < 0x80 && kFrom.find(static_cast<char>(rune)) != std::string_view::npos) {
    out += '\\';
    out += kTo[kFrom.find(static_cast<char>(rune))];
  } else if (is_printable(rune) && (rune < 0x80 || !ascii)) {
    append_rune(out, rune);
  } else if (rune < ' ' || rune == 0x7F) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
  } else if (rune < 0x10000) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
  } else {
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", code);
  }
}

}  // namespace

std::string go_quote(std::string_view text, bool ascii) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    if (rune.valid)
      append_escaped(out, rune.code, '"', ascii);
    else
      fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                     static_cast<unsigned>(static_cast<unsigned char>(text[0])));
    text.remove_prefix(rune.size);
  }
  return out + '"';
}

std::string go_quote_rune(char32_t rune, bool ascii) {
  if (rune > kMaxRune || (rune >= 0xD800 && rune <= 0xDFFF)) rune = kReplacement;
  std::string out = "'";
  append_escaped(out, rune, '\'', ascii);
  return out + "'";
}

bool can_backquote(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    if (!rune.valid || rune.code == '`' || rune.code == 0x7F || rune.code == 0xFEFF) return false;
    if (rune.code < ' ' && rune.code != '\t') return false;
    text.remove_prefix(rune.size);
  }
  return true;
}

}  // namespace chiron::rules::tmpl
