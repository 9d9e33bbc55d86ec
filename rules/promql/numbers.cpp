#include "rules/promql/numbers.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string special(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
    } else if (i == 0 || !is_alnum(text[i - 1]) || i + 1 == text.size() || text[i + 1] == '_' ||
               !is_alnum(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

std::optional<std::int64_t> parse_go_int(std::string_view text) {
  std::string digits;
  if (text.starts_with('-')) digits = "-";
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    const char mark = to_lower(text[1]);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  // Another sign would be taken.
  if (text.starts_with('-')) return std::nullopt;
  digits += text;
  std::int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  return stop == end && error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<double> parse_go_number(std::string_view text) {
  const std::optional<std::string> plain = without_underscores(text);
  if (!plain) return std::nullopt;
  if (const std::optional<std::int64_t> integer = parse_go_int(*plain)) return static_cast<double>(*integer);
  return parse_double(*plain);
}

double go_min(double a, double b) {
  if (a == -kInfinity || b == -kInfinity) return -kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

double go_max(double a, double b) {
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return kNaN;
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

std::string format_g(double value) {
  if (!std::isfinite(value)) return special(value);
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e6);
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 exponent ? std::chars_format::scientific : std::chars_format::fixed);
  return {buffer.data(), end.ptr};
}

std::string format_f(double value) {
  return std::isfinite(value) ? fmt::format("{:f}", value) : special(value);
}

std::string format_g2(double value) {
  return std::isfinite(value) ? fmt::format("{:.2g}", value) : special(value);
}

std::string format_open_metrics(double value) {
  std::string text = format_g(value);
  if (std::isfinite(value) && text.find_first_of("e.") == std::string::npos) text += ".0";
  return text;
}

}  // namespace chiron::promql
