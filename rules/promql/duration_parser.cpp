#include "rules/promql/duration_parser.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/lexer_text.h"
#include "rules/promql/numbers.h"
#include "rules/promql/parser.h"

#include <algorithm>
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

constexpr std::string_view kRangeContext = "subquery or range selector";

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

bool is_literal(const DurationPtr& node) { return node->kind == DurationNode::Kind::literal; }

// Reads a duration into a tree. A number or duration alone, with a sign or not, stays a literal.
class DurationParser {
 public:
  DurationParser(TokenStream& tokens, std::string_view context) : tokens_(tokens), context_(context) {}

  DurationPtr sum(int least) {
    if (++depth_ > kMaxNesting) return too_deep();
    DurationPtr left = signed_atom();
    while (left && tokens_.at(Tok::op) && binding(tokens_.peek().op) >= least) {
      const Token& symbol = tokens_.next();
      DurationPtr right = sum(symbol.op == Op::pow ? binding(symbol.op) : binding(symbol.op) + 1);
      left = right ? operation(symbol, std::move(left), std::move(right)) : nullptr;
    }
    --depth_;
    return left;
  }

  // After `offset`: what follows one signed duration belongs to the expression around, as in
  // `metric offset 5m + 1`; after parentheses it belongs to the duration.
  DurationPtr offset() {
    if (tokens_.at(Tok::left_paren)) return sum(1);
    if (!at_sign()) return atom();
    const Token& sign = tokens_.next();
    DurationPtr operand = tokens_.at(Op::add) || tokens_.at(Op::sub) ? sum(binding(Op::pow)) : atom();
    return operand ? with_sign(sign, std::move(operand)) : nullptr;
  }

 private:
  bool at_sign() const { return tokens_.at(Op::add) || tokens_.at(Op::sub); }

  DurationPtr signed_atom() {
    if (!at_sign()) return atom();
    const Token& sign = tokens_.next();
    DurationPtr operand = sum(binding(Op::pow));
    return operand ? with_sign(sign, std::move(operand)) : nullptr;
  }

  DurationPtr with_sign(const Token& sign, DurationPtr operand) {
    if (sign.op == Op::add) return operand;
    if (!is_literal(operand)) {
      return make(DurationNode::Kind::minus, sign.range.begin, std::move(operand), nullptr);
    }
    DurationNode negated = *operand;
    negated.value = -negated.value;
    negated.range.begin = sign.range.begin;
    return std::make_shared<const DurationNode>(std::move(negated));
  }

  DurationPtr atom() {
    const Token& token = tokens_.peek();
    switch (token.kind) {
      case Tok::number:
        return literal(token, number_value(tokens_, tokens_.next()), false);
      case Tok::duration:
        return literal(token, duration_value(tokens_, tokens_.next()), true);
      case Tok::left_paren: {
        tokens_.next();
        DurationPtr inner = sum(1);
        if (!inner || !tokens_.expect(Tok::right_paren, context_, "\")\"")) return nullptr;
        return make(DurationNode::Kind::parens, token.range.begin, std::move(inner), nullptr);
      }
      case Tok::identifier:
        return function(token);
      default:
        tokens_.unexpected(context_, kExpected);
        return nullptr;
    }
  }

  // step(), range(), min_of(a, b), max_of(a, b)
  DurationPtr function(const Token& name) {
    const std::string word = to_lower(name.text);
    const bool binary = word == "min_of" || word == "max_of";
    if (!binary && word != "step" && word != "range") {
      tokens_.unexpected(context_, kExpected);
      return nullptr;
    }
    tokens_.next();
    if (!tokens_.expect(Tok::left_paren, context_, kExpected)) return nullptr;
    DurationPtr left, right;
    if (binary) {
      left = sum(1);
      if (!left || !tokens_.expect(Tok::comma, context_, "\",\"")) return nullptr;
      right = sum(1);
      if (!right) return nullptr;
    }
    if (!tokens_.expect(Tok::right_paren, context_, "\")\"")) return nullptr;
    const auto kind = word == "step"     ? DurationNode::Kind::step
                      : word == "range"  ? DurationNode::Kind::range
                      : word == "min_of" ? DurationNode::Kind::min_of
                                         : DurationNode::Kind::max_of;
    return make(kind, name.range.begin, std::move(left), std::move(right));
  }

  DurationPtr literal(const Token& token, double value, bool in_units) {
    if (!(std::fabs(value) <= kMaxSeconds)) {
      tokens_.report(token.range, "duration out of range");
      value = 0;
    }
    DurationNode node;
    node.value = value;
    node.in_units = in_units;
    node.range = token.range;
    return std::make_shared<const DurationNode>(std::move(node));
  }

  DurationPtr operation(const Token& symbol, DurationPtr left, DurationPtr right) {
    if ((symbol.op == Op::div || symbol.op == Op::mod) && is_literal(right) && right->value == 0) {
      tokens_.report(symbol.range, symbol.op == Op::div ? "division by zero" : "modulo by zero");
      return right;
    }
    const std::size_t begin = left->range.begin;
    DurationPtr made =
        make(DurationNode::Kind::operation, begin, std::move(left), std::move(right), symbol.op);
    return made && made->depth > kMaxDepth ? too_deep() : made;
  }

  DurationPtr make(DurationNode::Kind kind, std::size_t begin, DurationPtr left, DurationPtr right,
                   Op op = {}) {
    DurationNode node;
    node.kind = kind;
    node.op = op;
    node.range = {begin, tokens_.last_end()};
    node.depth = 1 + std::max(left ? left->depth : 0, right ? right->depth : 0);
    node.left = std::move(left);
    node.right = std::move(right);
    return std::make_shared<const DurationNode>(std::move(node));
  }

  DurationPtr too_deep() {
    tokens_.fail(tokens_.peek().range,
                 fmt::format("expression is nested more than {} levels deep", kMaxNesting));
    return nullptr;
  }

  TokenStream& tokens_;
  std::string_view context_;
  std::size_t depth_ = 0;
};

std::int64_t literal_ms(double seconds) { return std::llround(seconds * 1e9) / 1'000'000; }

}  // namespace

double number_value(TokenStream& tokens, const Token& token) {
  if (const std::optional<double> value = parse_go_number(token.text)) return *value;
  // Go reads what is beyond 64 bits as a float, and no float is hexadecimal without an exponent.
  const bool decimal = !to_lower(token.text).starts_with("0x");
  tokens.report(token.range,
                fmt::format("error parsing number: strconv.ParseFloat: parsing {}: {}", quoted(token.text),
                            decimal ? "value out of range" : "invalid syntax"),
                decimal ? "the largest number is 1.7976931348623157e308; infinity is written Inf"
                        : "the largest hexadecimal number is 0x7fffffffffffffff");
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

std::optional<ParsedDuration> parse_range_duration(TokenStream& tokens) {
  DurationPtr node = DurationParser(tokens, kRangeContext).sum(1);
  if (!node) return std::nullopt;
  if (!is_literal(node)) {
    const Result<std::int64_t> ms = depends_on_query(*node) ? 1 : evaluate_duration(*node, {}, false);
    return ParsedDuration{ms.ok() ? *ms : 1, std::move(node)};
  }
  if (!(node->value > 0) || literal_ms(node->value) == 0) {
    tokens.report(node->range, "duration must be greater than 0");
    return ParsedDuration{1, nullptr};
  }
  return ParsedDuration{literal_ms(node->value), nullptr};
}

std::optional<ParsedDuration> parse_offset(TokenStream& tokens) {
  DurationPtr node = DurationParser(tokens, "offset").offset();
  if (!node) return std::nullopt;
  if (is_literal(node)) return ParsedDuration{literal_ms(node->value), nullptr};
  const Result<std::int64_t> ms = depends_on_query(*node) ? 0 : evaluate_duration(*node, {}, true);
  return ParsedDuration{ms.ok() ? *ms : 0, std::move(node)};
}

bool parse_at(TokenStream& tokens, Modifiers& modifiers, Range of) {
  const Token& first = tokens.peek();
  const std::string word = first.kind == Tok::identifier ? to_lower(first.text) : std::string();
  if (word == "start" || word == "end") {
    tokens.next();
    if (!tokens.expect(Tok::left_paren, "@", "\"(\"") || !tokens.expect(Tok::right_paren, "@", "\")\""))
      return false;
    modifiers.at = word == "start" ? Modifiers::At::start : Modifiers::At::end;
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
    tokens.report(of, fmt::format("timestamp out of bounds for @ modifier: {}", format_f(seconds)));
    return true;
  }
  modifiers.at = Modifiers::At::time;
  modifiers.at_ms = static_cast<TimestampMs>(std::round(seconds * 1000));
  return true;
}

}  // namespace chiron::promql
