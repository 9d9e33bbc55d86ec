#include "rules/engine/template/literals.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/engine/template/unicode.h"

#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

Error bad_number(std::string_view text) {
  return {ErrorCode::invalid_argument, fmt::format("illegal number syntax: {}", quoted(text))};
}

bool is_digit(char c, int base) {
  const char lower = to_lower(c);
  if (base > 10 && lower >= 'a' && lower <= 'f') return true;
  return c >= '0' && c < '0' + std::min(base, 10);
}

/// Underscores stand between digits, or between a base's prefix and a digit, only.
bool underscores_are_right(std::string_view text) {
  char before = '^';  // ^ beginning, 0 digit, _ underscore, ! other
  std::size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  bool hex = false;
  if (text.size() >= i + 2 && text[i] == '0' &&
      std::string_view("box").find(to_lower(text[i + 1])) != std::string_view::npos) {
    hex = to_lower(text[i + 1]) == 'x';
    before = '0';
    i += 2;
  }
  for (; i < text.size(); ++i) {
    if (is_digit(text[i], hex ? 16 : 10)) {
      before = '0';
    } else if (text[i] == '_') {
      if (before != '0') return false;
      before = '_';
    } else {
      if (before == '_') return false;
      before = '!';
    }
  }
  return before != '_';
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

/// Go drops them from a raw string.
std::string without_carriage_returns(std::string_view text) {
  std::string out(text);
  std::erase(out, '\r');
  return out;
}

struct Whole {
  bool negative = false;
  std::uint64_t magnitude = 0;
};

/// strconv.ParseInt with base 0, the sign apart. Nothing when it is none or overflows.
std::optional<Whole> parse_whole(std::string_view text) {
  if (!underscores_are_right(text)) return std::nullopt;
  std::string digits = without_underscores(text);
  Whole out;
  if (digits.starts_with('-') || digits.starts_with('+')) {
    out.negative = digits[0] == '-';
    digits.erase(0, 1);
  }
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char kind = to_lower(digits[1]);
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    digits.erase(0, kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  }
  const std::optional<std::uint64_t> value = parse_int<std::uint64_t>(digits, base);
  if (!value) return std::nullopt;
  out.magnitude = *value;
  return out;
}

/// The mantissa and exponent of a well-formed decimal or hexadecimal float, without sign and prefix.
bool is_float_syntax(std::string_view text, bool hex) {
  std::size_t i = 0;
  bool digits = false, point = false, exponent = false;
  for (; i < text.size(); ++i) {
    if (is_digit(text[i], hex ? 16 : 10))
      digits = true;
    else if (text[i] == '.' && !point)
      point = true;
    else
      break;
  }
  if (!digits) return false;
  if (i < text.size() && to_lower(text[i]) == (hex ? 'p' : 'e')) {
    exponent = true;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const std::size_t first = i;
    while (i < text.size() && is_digit(text[i], 10)) ++i;
    if (i == first) return false;
  }
  return i == text.size() && (!hex || exponent);
}

Number of_whole(const Whole& whole) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  Number out;
  if (whole.magnitude > kMost + (whole.negative ? 1 : 0)) {
    out.too_large = true;
    out.real = static_cast<double>(whole.magnitude) * (whole.negative ? -1 : 1);
    return out;
  }
  out.integer = static_cast<std::int64_t>(whole.negative ? ~whole.magnitude + 1 : whole.magnitude);
  out.real = static_cast<double>(*out.integer);
  out.ideal = Value::of_int(*out.integer);
  return out;
}

void add_integer_of(Number& number) {
  constexpr double kTwoTo63 = 0x1p63;
  const double real = *number.real;
  if (real >= -kTwoTo63 && real < kTwoTo63 && std::trunc(real) == real)
    number.integer = static_cast<std::int64_t>(real);
}

/// Reads one escape after its backslash. `is_byte`: \x and octal escapes of a string are bytes.
bool read_escape(std::string_view text, std::size_t& at, char delimiter, char32_t& out, bool& is_byte) {
  static constexpr std::string_view kFrom = "abfnrtv\\";
  static constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\";
  is_byte = false;
  const char c = text[at++];
  if (const std::size_t known = kFrom.find(c); known != std::string_view::npos) {
    out = static_cast<char32_t>(kTo[known]);
    return true;
  }
  if (c == delimiter) {
    out = static_cast<char32_t>(c);
    return true;
  }
  const auto read = [&](std::size_t digits, int base) {
    if (at + digits > text.size()) return false;
    const std::optional<std::uint32_t> value = parse_int<std::uint32_t>(text.substr(at, digits), base);
    if (!value) return false;
    at += digits;
    out = static_cast<char32_t>(*value);
    return true;
  };
  if (c == 'x') {
    is_byte = true;
    return read(2, 16);
  }
  if (c == 'u' || c == 'U')
    return read(c == 'u' ? 4 : 8, 16) && out <= kMaxRune && (out < 0xD800 || out > 0xDFFF);
  if (c >= '0' && c <= '7') {
    is_byte = true;
    --at;
    return read(3, 8) && out <= 0xFF;
  }
  return false;
}

Result<Number> parse_character(std::string_view text) {
  const Error malformed(ErrorCode::invalid_argument, fmt::format("malformed character constant: {}", text));
  if (text.size() < 3) return malformed;
  std::size_t at = 1;
  char32_t code = 0;
  if (text[1] == '\\') {
    bool is_byte = false;
    at = 2;
    if (!read_escape(text, at, '\'', code, is_byte)) return malformed;
  } else {
    const Rune rune = first_rune(text.substr(1));
    code = rune.code;
    at += rune.size;
  }
  if (at + 1 != text.size()) return malformed;
  return of_whole({false, code});
}

Result<Number> parse_imaginary(std::string_view text) {
  // 1+2i: the sign in the middle, that of an exponent left aside.
  std::size_t split = 0;
  for (std::size_t i = 1; i + 1 < text.size(); ++i)
    if ((text[i] == '+' || text[i] == '-') && to_lower(text[i - 1]) != 'e' && to_lower(text[i - 1]) != 'p')
      split = i;
  double real = 0;
  if (split > 0) {
    const Result<double> value = parse_go_float(text.substr(0, split));
    if (!value) return bad_number(text);
    real = *value;
  }
  const Result<double> imaginary = parse_go_float(text.substr(split, text.size() - split - 1));
  if (!imaginary) return bad_number(text);
  Number out;
  out.complex = std::complex<double>(real, *imaginary);
  out.ideal = Value(Type::complex128, *out.complex);
  if (*imaginary == 0) {
    out.real = real;
    add_integer_of(out);
  }
  return out;
}

}  // namespace

Result<double> parse_go_float(std::string_view text) {
  const auto fault = [text](std::string_view why) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("strconv.ParseFloat: parsing {}: {}", quoted(text), why));
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const std::string word = to_lower(rest);
  if (word == "inf" || word == "infinity") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return negative ? -kInfinity : kInfinity;
  }
  if (text.size() == 3 && word == "nan") return std::numeric_limits<double>::quiet_NaN();
  const bool hex = rest.size() > 2 && rest[0] == '0' && to_lower(rest[1]) == 'x';
  if (rest.find('_') != std::string_view::npos && (!hex || !underscores_are_right(text)))
    return fault("invalid syntax");
  const std::string digits = without_underscores(hex ? rest.substr(2) : rest);
  if (!is_float_syntax(digits, hex)) return fault("invalid syntax");
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                             hex ? std::chars_format::hex : std::chars_format::general);
  if (error == std::errc::result_out_of_range) {
    // Too small is zero, too large is not: only an exponent's sign tells which it was.
    const bool small = digits.find_first_of(hex ? "pP" : "eE") != std::string::npos
                           ? digits.find('-') != std::string::npos
                           : digits.find_first_not_of('0') == digits.find('.');
    if (!small) return fault("value out of range");
    value = 0;
  } else if (error != std::errc() || stop != digits.data() + digits.size()) {
    return fault("invalid syntax");
  }
  return negative ? -value : value;
}

Result<Number> parse_number(std::string_view text) {
  if (text.starts_with('\'')) return parse_character(text);
  if (text.ends_with('i')) return parse_imaginary(text);
  if (const std::optional<Whole> whole = parse_whole(text)) return of_whole(*whole);
  const Result<double> real = parse_go_float(text);
  if (!real) return bad_number(text);
  if (text.find_first_of(".eEpP") == std::string_view::npos)
    return Error(ErrorCode::invalid_argument, fmt::format("integer overflow: {}", quoted(text)));
  Number out;
  out.real = *real;
  out.ideal = Value::of(*real);
  add_integer_of(out);
  return out;
}

Result<std::string> unquote(std::string_view text) {
  const Error bad(ErrorCode::invalid_argument, "invalid syntax");
  const std::string_view inside = text.substr(1, text.size() - 2);
  if (text[0] == '`') return without_carriage_returns(inside);
  std::string out;
  for (std::size_t at = 0; at < inside.size();) {
    if (inside[at] != '\\') {
      out += inside[at++];
      continue;
    }
    char32_t code = 0;
    bool is_byte = false;
    if (++at >= inside.size() || !read_escape(inside, at, '"', code, is_byte)) return bad;
    if (is_byte)
      out += static_cast<char>(static_cast<unsigned char>(code));
    else
      append_rune(out, code);
  }
  return out;
}

}  // namespace chiron::rules::tmpl
