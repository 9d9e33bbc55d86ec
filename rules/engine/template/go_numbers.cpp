#include "rules/engine/template/go_numbers.h"

#include "exporter/base/parse.h"
#include "rules/engine/template/unicode.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

/// Any double is exact with fewer digits; more would only be zeros.
constexpr std::size_t kMostDigits = 1100;

std::string chars(double value, std::chars_format format, std::optional<std::size_t> precision) {
  std::string out(kMostDigits + 400, '\0');
  char* const begin = out.data();
  char* const end = begin + out.size();
  const auto made = precision ? std::to_chars(begin, end, value, format, static_cast<int>(*precision))
                              : std::to_chars(begin, end, value, format);
  out.resize(static_cast<std::size_t>(made.ptr - begin));
  return out;
}

/// d.ddd and the exponent of d.ddde+xx.
struct Scientific {
  std::string mantissa;
  int exponent = 0;
};
Scientific scientific(double value, std::optional<std::size_t> precision) {
  const std::string text = chars(value, std::chars_format::scientific, precision);
  const std::size_t e = text.find('e');
  Scientific out{text.substr(0, e), 0};
  const std::string digits = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  out.exponent = parse_int<int>(digits).value_or(0);
  return out;
}

/// An exponent has at least two digits.
std::string with_exponent(std::string mantissa, char e, int exponent) {
  return fmt::format("{}{}{}{:02}", mantissa, e, exponent < 0 ? '-' : '+', std::abs(exponent));
}

std::string general(double value, std::optional<std::size_t> precision) {
  // Shortest form: an exponent from a million on, and below 0.0001.
  constexpr int kShortestDecides = 6;
  if (!precision) {
    const Scientific made = scientific(value, std::nullopt);
    if (made.exponent < -4 || made.exponent >= kShortestDecides)
      return with_exponent(made.mantissa, 'e', made.exponent);
    return chars(value, std::chars_format::fixed, std::nullopt);
  }
  // As C's %g, which has no precision of 0.
  return chars(value, std::chars_format::general, std::max<std::size_t>(*precision, 1));
}

/// 0x1.8p+01, normalised also where the double is subnormal.
std::string hexadecimal(double value, std::optional<std::size_t> precision) {
  if (value == 0) {
    std::string out = std::signbit(value) ? "-0x0" : "0x0";
    if (precision && *precision > 0) out += "." + std::string(*precision, '0');
    return out + "p+00";
  }
  int exponent = 0;
  const double mantissa = std::frexp(std::abs(value), &exponent) * 2;
  --exponent;
  std::string text = chars(mantissa, std::chars_format::hex, precision);
  const std::size_t p = text.find('p');
  // Rounding may have made 1.f into 2.0.
  exponent += parse_int<int>(text.substr(text[p + 1] == '+' ? p + 2 : p + 1)).value_or(0);
  text.resize(p);
  if (text[0] == '2') {
    text[0] = '1';
    ++exponent;
  }
  return with_exponent((value < 0 ? "-0x" : "0x") + text, 'p', exponent);
}

/// 4503599627370496p-52: the bits of the mantissa, and the power of two.
std::string binary(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  constexpr int kMantissaBits = 52, kBias = 1023;
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << kMantissaBits) - 1);
  const int stored = static_cast<int>(bits >> kMantissaBits & 0x7ff);
  const std::uint64_t mantissa = stored == 0 ? fraction : fraction | std::uint64_t{1} << kMantissaBits;
  const int exponent = std::max(stored, 1) - kBias - kMantissaBits;
  return fmt::format("{}{}p{:+}", std::signbit(value) ? "-" : "", mantissa, exponent);
}

/// The # flag: a point always, and with g the zeros that were left out.
std::string sharpened(std::string number, char verb, std::optional<std::size_t> precision) {
  const std::string_view keeps_digits = "gGxX";
  std::ptrdiff_t digits = 0;
  if (keeps_digits.find(verb) != std::string_view::npos)
    digits = precision ? static_cast<std::ptrdiff_t>(*precision) : 6;
  const bool hex = verb == 'x' || verb == 'X';
  const std::size_t tail_at = number.find_first_of(hex ? "pP" : "eE", 1);
  std::string tail;
  if (tail_at != std::string::npos) {
    tail = number.substr(tail_at);
    number.resize(tail_at);
  }
  bool point = false, nonzero = false;
  for (std::size_t i = 1; i < number.size(); ++i) {
    if (number[i] == '.') {
      point = true;
      continue;
    }
    nonzero = nonzero || number[i] != '0';
    if (nonzero) --digits;
  }
  if (!point) {
    if (number.size() == 2 && number[1] == '0') --digits;
    number += '.';
  }
  if (digits > 0) number.append(static_cast<std::size_t>(digits), '0');
  return number + tail;
}

}  // namespace

std::string padded(std::string text, const Flags& flags) {
  const std::size_t runes = count_runes(text);
  if (!flags.width || runes >= *flags.width) return text;
  const std::size_t missing = *flags.width - runes;
  if (flags.minus) return text.append(missing, ' ');
  return text.insert(0, missing, flags.zero ? '0' : ' ');
}

std::string format_float(double value, char verb, std::optional<std::size_t> precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::size_t zeros = 0;
  if (precision && *precision > kMostDigits) {
    zeros = verb == 'g' || verb == 'G' ? 0 : *precision - kMostDigits;
    precision = kMostDigits;
  }
  std::string out;
  switch (to_lower(verb)) {
    case 'f':
      out = chars(value, std::chars_format::fixed, precision).append(zeros, '0');
      break;
    case 'e': {
      const Scientific made = scientific(value, precision);
      out = with_exponent(made.mantissa + std::string(zeros, '0'), 'e', made.exponent);
      break;
    }
    case 'b':
      return binary(value);
    case 'x':
      out = hexadecimal(value, precision);
      break;
    default:
      out = general(value, precision);
      break;
  }
  if (verb == 'E' || verb == 'G' || verb == 'X')
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string print_float(double value, char verb, const Flags& flags) {
  const bool needs_precision = std::string_view("fFeE").find(verb) != std::string_view::npos;
  std::optional<std::size_t> precision = flags.precision;
  if (!precision && needs_precision) precision = 6;
  std::string number = format_float(value, verb == 'v' ? 'g' : verb, precision);
  if (number[0] != '-' && number[0] != '+') number.insert(number.begin(), '+');
  if (flags.space && number[0] == '+' && !flags.plus) number[0] = ' ';
  if (number[1] == 'I' || number[1] == 'N') {
    Flags blanks = flags;
    blanks.zero = false;
    if (number[1] == 'N' && !flags.space && !flags.plus) number.erase(0, 1);
    return padded(std::move(number), blanks);
  }
  if (flags.sharp && verb != 'b')
    number = sharpened(std::move(number), verb == 'v' ? 'g' : verb, flags.precision);
  if (!flags.plus && number[0] == '+') return padded(number.substr(1), flags);
  if (flags.zero && !flags.minus && flags.width && *flags.width > number.size())
    number.insert(1, *flags.width - number.size(), '0');
  return padded(std::move(number), flags);
}

std::string print_complex(std::complex<double> value, char verb, const Flags& flags) {
  Flags signed_flags = flags;
  signed_flags.plus = true;
  return "(" + print_float(value.real(), verb, flags) + print_float(value.imag(), verb, signed_flags) + "i)";
}

std::string print_integer(std::uint64_t magnitude, bool negative, unsigned base, char verb,
                          const Flags& flags) {
  Flags blanks = flags;
  blanks.zero = false;
  std::size_t digits = 0;
  if (flags.precision) {
    digits = *flags.precision;
    if (digits == 0 && magnitude == 0) return std::string(flags.width.value_or(0), ' ');
  } else if (flags.zero && !flags.minus && flags.width) {
    digits = *flags.width;
    if (digits > 0 && (negative || flags.plus || flags.space)) --digits;
  }
  std::array<char, 64> buffer{};
  const auto made =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, static_cast<int>(base));
  std::string out(buffer.data(), made.ptr);
  if (verb == 'X')
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (out.size() < digits) out.insert(0, digits - out.size(), '0');
  if (flags.sharp) {
    if (base == 2) out.insert(0, "0b");
    if (base == 8 && out[0] != '0') out.insert(0, "0");
    if (base == 16) out.insert(0, verb == 'X' ? "0X" : "0x");
  }
  if (verb == 'O') out.insert(0, "0o");
  if (negative)
    out.insert(0, "-");
  else if (flags.plus)
    out.insert(0, "+");
  else if (flags.space)
    out.insert(0, " ");
  return padded(std::move(out), blanks);
}

std::string print_code_point(std::uint64_t code, const Flags& flags) {
  std::string out = fmt::format("{:04X}", code);
  if (flags.precision && *flags.precision > out.size()) out.insert(0, *flags.precision - out.size(), '0');
  out.insert(0, "U+");
  if (flags.sharp && code <= kMaxRune && is_printable(static_cast<char32_t>(code))) {
    out += " '";
    append_rune(out, static_cast<char32_t>(code));
    out += "'";
  }
  Flags blanks = flags;
  blanks.zero = false;
  return padded(std::move(out), blanks);
}

}  // namespace chiron::rules::tmpl
