#include "rules/promql/lexer_text.h"

#include "exporter/base/utf8.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Units of one duration after its first digits. Bad ones like "hs" pass here and are named when the value is
// read.
bool scan_duration_rest(std::string_view text, std::size_t& pos) {
  const auto peek = [&] { return pos < text.size() ? text[pos] : '\0'; };
  const auto unit = [&](std::string_view units) {
    if (peek() == '\0' || units.find(peek()) == std::string_view::npos) return false;
    ++pos;
    if (peek() == 's') ++pos;
    return true;
  };
  if (!unit("smhdwy")) return false;
  while (is_digit(peek())) {
    while (is_digit(peek())) ++pos;
    if (!unit("smhdw")) return false;
  }
  return !is_alnum(peek());
}

// The character that `text` begins with as Go's %#U has it: U+0022 '"'.
std::string name_char(std::string_view text) {
  const std::size_t size = utf8_sequence(text);
  if (size == 0) return "U+FFFD '\xef\xbf\xbd'";
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  std::uint32_t code = size == 1 ? byte(0) : byte(0) & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) code = code << 6 | (byte(i) & 0x3f);
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  return control ? fmt::format("U+{:04X}", code) : fmt::format("U+{:04X} '{}'", code, text.substr(0, size));
}

class NumberScanner {
 public:
  explicit NumberScanner(std::string_view text) : text_(text) {}

  NumberScan run() {
    if (number()) return {NumberScan::Kind::number, pos_};
    if (plain_ && scan_duration_rest(text_, pos_)) return {NumberScan::Kind::duration, pos_};
    return {NumberScan::Kind::bad, pos_ + (is_alnum(peek()) || peek() == '.' ? 1 : 0)};
  }

 private:
  char peek(std::size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }

  // Digits, with single underscores between them.
  template <class Digit>
  bool digits(Digit is_one) {
    bool any = false;
    while (is_one(peek()) || (any && peek() == '_' && is_one(peek(1)))) {
      plain_ = plain_ && peek() != '_';
      any = true;
      ++pos_;
    }
    return any;
  }

  bool number() {
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      plain_ = false;
      pos_ += 2;
      if (peek() == '_') ++pos_;
      return digits([](char c) { return hex_digit(c) >= 0; }) && !is_alnum(peek()) && peek() != '.';
    }
    digits(is_digit);
    if (peek() == '.') {
      plain_ = false;
      ++pos_;
      digits(is_digit);
      if (peek() == '.') return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      plain_ = false;
      ++pos_;
      if (peek() == '+' || peek() == '-') ++pos_;
      if (!digits(is_digit)) return false;
    }
    return !is_alnum(peek()) && peek() != '.';
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  bool plain_ = true;  // digits only so far, so that a unit may follow
};

class StringScanner {
 public:
  explicit StringScanner(std::string_view text) : text_(text), quote_(text.front()) {}

  StringScan run() {
    pos_ = 1;
    while (pos_ < text_.size() && text_[pos_] != quote_) {
      const char c = text_[pos_];
      if (quote_ != '`' && c == '\n') break;
      if (quote_ == '`' || c != '\\') {
        const std::size_t size = utf8_sequence(text_.substr(pos_));
        if (size == 0) {
          fail(pos_ + 1, "invalid UTF-8 rune");
          return std::move(scan_);
        }
        scan_.value += text_.substr(pos_, size);
        pos_ += size;
      } else if (!escape()) {
        return std::move(scan_);
      }
    }
    if (pos_ >= text_.size() || text_[pos_] != quote_) {
      scan_.error = quote_ == '`' ? "unterminated raw string" : "unterminated quoted string";
      scan_.size = pos_;
      return std::move(scan_);
    }
    scan_.size = pos_ + 1;
    return std::move(scan_);
  }

 private:
  bool fail(std::size_t end, std::string message) {
    scan_.error = std::move(message);
    scan_.size = std::min(end, text_.size());
    return false;
  }

  bool escape() {
    ++pos_;
    if (pos_ >= text_.size()) return fail(pos_, "escape sequence not terminated");
    static constexpr std::string_view kFrom = "abfnrtv\\";
    static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\";
    const char c = text_[pos_];
    if (const auto known = kFrom.find(c); known != std::string_view::npos || c == quote_) {
      scan_.value.push_back(c == quote_ ? quote_ : kTo[known]);
      ++pos_;
      return true;
    }
    if (c >= '0' && c <= '7') return code_point(0, 3, 8);
    if (c == 'x') return code_point(1, 2, 16);
    if (c == 'u') return code_point(1, 4, 16);
    if (c == 'U') return code_point(1, 8, 16);
    return fail(pos_ + char_size(text_, pos_),
                fmt::format("unknown escape sequence {}", name_char(text_.substr(pos_))));
  }

  bool code_point(std::size_t skip, int digits, std::uint32_t base) {
    pos_ += skip;
    std::uint64_t code = 0;
    for (int i = 0; i < digits; ++i, ++pos_) {
      if (pos_ >= text_.size()) return fail(pos_, "escape sequence not terminated");
      const int digit = hex_digit(text_[pos_]);
      if (digit < 0 || static_cast<std::uint32_t>(digit) >= base) {
        return fail(pos_ + char_size(text_, pos_),
                    fmt::format("illegal character {} in escape sequence", name_char(text_.substr(pos_))));
      }
      code = code * base + static_cast<std::uint32_t>(digit);
    }
    if (digits <= 3) {
      if (code > 0xff) return fail(pos_, "escape sequence is an invalid Unicode code point");
      scan_.value.push_back(static_cast<char>(static_cast<unsigned char>(code)));
      return true;
    }
    if (!append_utf8(scan_.value, static_cast<std::uint32_t>(code))) {
      return fail(pos_, "escape sequence is an invalid Unicode code point");
    }
    return true;
  }

  std::string_view text_;
  char quote_;
  std::size_t pos_ = 0;
  StringScan scan_;
};

}  // namespace

std::size_t char_size(std::string_view text, std::size_t pos) {
  if (pos >= text.size()) return 0;
  return std::max<std::size_t>(utf8_sequence(text.substr(pos)), 1);
}

std::string quote_char(std::string_view text, std::size_t pos) {
  if (pos >= text.size()) return "''";
  const std::size_t size = char_size(text, pos);
  const auto byte = static_cast<unsigned char>(text[pos]);
  // As Go quotes a character.
  static constexpr std::string_view kEscaped = "\a\b\f\n\r\t\v\\'";
  static constexpr std::string_view kNames = "abfnrtv\\'";
  if (const auto at = kEscaped.find(text[pos]); at != std::string_view::npos)
    return fmt::format("'\\{}'", kNames[at]);
  if (size == 1 && (byte < 0x20 || byte >= 0x7f)) return fmt::format("'\\x{:02x}'", byte);
  return fmt::format("'{}'", text.substr(pos, size));
}

NumberScan scan_number(std::string_view text) { return NumberScanner(text).run(); }

StringScan scan_string(std::string_view text) { return StringScanner(text).run(); }

}  // namespace chiron::promql
