#include "rules/promql/duration_parser.h"

#include "exporter/base/parse.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/parser.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

constexpr std::string_view kExpected = "number, duration, step(), or range()";
constexpr double kMaxSeconds =
    9'223'372'036.0;  // what nanoseconds in 64 bits hold, as Prometheus keeps durations

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits = {Unit{"y", 365 * 86400.0}, Unit{"w", 7 * 86400.0}, Unit{"d", 86400.0},
                               Unit{"h", 3600.0},        Unit{"m", 60.0},        Unit{"s", 1.0},
                               Unit{"ms", 0.001}};

int binding(Op op) {
  switch (op) {
    case Op::add:
    case Op::sub:
      return 1;
    case Op::mul:
    case Op::div:
    case Op::mod:
      return 2;
    case Op::pow:
      return 3;
    default:
      return 0;
  }
}

class DurationParser {
 public:
  DurationParser(TokenStream& tokens, std::string_view context) : tokens_(tokens), context_(context) {}

  std::optional<double> sum(int least) {
    if (++depth_ > kMaxNesting) {
      tokens_.fail(tokens_.peek().range,
                   fmt::format("expression is nested more than {} levels deep", kMaxNesting));
      return std::nullopt;
    }
    std::optional<double> left = signed_atom();
    while (left && tokens_.at(Tok::op) && binding(tokens_.peek().op) >= least) {
      const Op op = tokens_.next().op;
      const Token& token = tokens_.peek();
      const std::optional<double> right = sum(op == Op::pow ? binding(op) : binding(op) + 1);
      left = right ? std::optional(apply(op, *left, *right, token.range)) : std::nullopt;
    }
    --depth_;
    return left;
  }

  std::optional<double> signed_atom() {
    if (tokens_.at(Op::add) || tokens_.at(Op::sub)) {
      const bool minus = tokens_.next().op == Op::sub;
      const std::optional<double> value = sum(binding(Op::pow));
      return value && minus ? std::optional(-*value) : value;
    }
    return atom();
  }

  std::optional<double> atom() {
    const Token& token = tokens_.peek();
    switch (token.kind) {
      case Tok::number:
        return number_value(tokens_, tokens_.next());
      case Tok::duration:
        return duration_value(tokens_, tokens_.next());
      case Tok::left_paren: {
        tokens_.next();
        const std::optional<double> value = sum(1);
        if (!value || !tokens_.expect(Tok::right_paren, context_, "\")\"")) return std::nullopt;
        return value;
      }
      case Tok::identifier:
        if (token.text == "step" || token.text == "range" || token.text == "min_of" ||
            token.text == "max_of") {
          tokens_.fail(token.range, fmt::format("{}() in a duration is not supported yet", token.text));
          return std::nullopt;
        }
        break;
      default:
        break;
    }
    tokens_.unexpected(context_, kExpected);
    return std::nullopt;
  }

 private:
  double apply(Op op, double a, double b, Range divisor) {
    switch (op) {
      case Op::add:
        return a + b;
      case Op::sub:
        return a - b;
      case Op::mul:
        return a * b;
      case Op::pow:
        return std::pow(a, b);
      default:
        break;
    }
    if (b == 0) {
      tokens_.report(divisor, op == Op::div ? "division by zero" : "modulo by zero");
      return 1;
    }
    return op == Op::div ? a / b : std::fmod(a, b);
  }

  TokenStream& tokens_;
  std::string_view context_;
  std::size_t depth_ = 0;
};

std::int64_t milliseconds(TokenStream& tokens, Range range, double seconds) {
  if (!(std::fabs(seconds) <= kMaxSeconds)) {
    tokens.report(range, "duration out of range");
    return 1000;
  }
  return static_cast<std::int64_t>(std::round(seconds * 1e9)) / 1'000'000;
}

}  // namespace

double number_value(TokenStream& tokens, const Token& token) {
  std::string digits;
  for (const char c : token.text) {
    if (c != '_') digits.push_back(c);
  }
  const std::string lower = to_lower(digits);
  if (lower == "inf") return std::numeric_limits<double>::infinity();
  if (lower == "nan") return std::numeric_limits<double>::quiet_NaN();
  int base = 0;
  std::size_t skip = 0;
  if (lower.starts_with("0x")) {
    base = 16;
    skip = 2;
  } else if (lower.size() > 1 && lower[0] == '0' &&
             lower.find_first_not_of("01234567") == std::string::npos) {
    base = 8;
  }
  double value = 0;
  if (base != 0) {
    for (std::size_t i = skip; i < lower.size(); ++i) {
      value = value * base + (is_digit(lower[i]) ? lower[i] - '0' : lower[i] - 'a' + 10);
    }
    return value;
  }
  if (const std::optional<double> decimal = parse_double(digits)) return *decimal;
  tokens.report(token.range, fmt::format("error parsing number: \"{}\" is out of range", token.text),
                "the largest number is 1.7976931348623157e308; infinity is written Inf");
  return 1;
}

double duration_value(TokenStream& tokens, const Token& token) {
  const std::string_view text = token.text;
  double seconds = 0;
  std::size_t pos = 0;
  std::size_t next_unit = 0;
  while (pos < text.size()) {
    std::size_t digits = pos;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    std::size_t end = digits;
    while (end < text.size() && !is_digit(text[end])) ++end;
    const std::string_view name = text.substr(digits, end - digits);
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) {
      tokens.report(token.range, fmt::format("unknown unit \"{}\" in duration \"{}\"", name, text),
                    "units are y, w, d, h, m, s, ms");
      return 1;
    }
    if (unit < next_unit) {
      tokens.report(token.range, fmt::format("not a valid duration string: \"{}\"", text),
                    "larger units come first, and each once, as in 1h30m");
      return 1;
    }
    next_unit = unit + 1;
    double count = 0;
    std::from_chars(text.data() + pos, text.data() + digits, count);
    seconds += name == "ms" ? count / 1000 : count * kUnits[unit].seconds;
    pos = end;
  }
  if (seconds > kMaxSeconds) {
    tokens.report(token.range, "duration out of range");
    return 1;
  }
  return seconds;
}

std::optional<std::int64_t> parse_range_duration(TokenStream& tokens) {
  const std::size_t begin = tokens.peek().range.begin;
  const std::optional<double> seconds = DurationParser(tokens, "subquery or range selector").sum(1);
  if (!seconds) return std::nullopt;
  const Range range{begin, tokens.last_end()};
  const std::int64_t ms = milliseconds(tokens, range, *seconds);
  if (ms <= 0) {
    tokens.report(range, "duration must be greater than 0");
    return 1;
  }
  return ms;
}

std::optional<std::int64_t> parse_offset(TokenStream& tokens) {
  const std::size_t begin = tokens.peek().range.begin;
  DurationParser parser(tokens, "offset");
  double sign = 1;
  if (tokens.at(Op::add) || tokens.at(Op::sub)) sign = tokens.next().op == Op::sub ? -1 : 1;
  const std::optional<double> seconds = parser.atom();
  if (!seconds) return std::nullopt;
  return milliseconds(tokens, {begin, tokens.last_end()}, sign * *seconds);
}

bool parse_at(TokenStream& tokens, Modifiers& modifiers) {
  const Token& first = tokens.peek();
  if (first.kind == Tok::identifier && (first.text == "start" || first.text == "end")) {
    tokens.next();
    if (!tokens.expect(Tok::left_paren, "@", "\"(\"") || !tokens.expect(Tok::right_paren, "@", "\")\""))
      return false;
    modifiers.at = first.text == "start" ? Modifiers::At::start : Modifiers::At::end;
    return true;
  }
  double sign = 1;
  if (tokens.at(Op::add) || tokens.at(Op::sub)) sign = tokens.next().op == Op::sub ? -1 : 1;
  const Token& token = tokens.peek();
  if (token.kind != Tok::number && token.kind != Tok::duration) return tokens.unexpected("@", "timestamp");
  tokens.next();
  const double seconds =
      sign * (token.kind == Tok::number ? number_value(tokens, token) : duration_value(tokens, token));
  // 2^53 ms: what the API's float seconds still carry exactly.
  if (!(std::fabs(seconds) < 9.007e12)) {
    tokens.report(token.range, fmt::format("timestamp out of bounds for @ modifier: {:f}", seconds));
    return true;
  }
  modifiers.at = Modifiers::At::time;
  modifiers.at_ms = static_cast<TimestampMs>(std::round(seconds * 1000));
  return true;
}

}  // namespace chiron::promql
