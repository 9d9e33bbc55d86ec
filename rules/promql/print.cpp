#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/functions.h"
#include "rules/promql/lexer.h"
#include "rules/promql/nodes.h"
#include "rules/promql/numbers.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

std::string join(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) {
    if (!out.empty()) out += ", ";
    out += is_valid_label_name(label) ? label : quoted(label);
  }
  return out;
}

std::string duration(std::int64_t ms, const DurationPtr& expr) {
  return expr ? to_string(*expr) : duration_text(ms);
}

std::string_view extension(Extended extended) {
  return extended == Extended::anchored ? " anchored" : extended == Extended::smoothed ? " smoothed" : "";
}

std::string modifiers(const Modifiers& m, Extended extended = Extended::none) {
  std::string out(extension(extended));
  if (m.at == Modifiers::At::start) out += " @ start()";
  if (m.at == Modifiers::At::end) out += " @ end()";
  if (m.at == Modifiers::At::time) {
    const auto size = static_cast<std::uint64_t>(m.at_ms < 0 ? -m.at_ms : m.at_ms);
    out += fmt::format(" @ {}{}.{:03}", m.at_ms < 0 ? "-" : "", size / 1000, size % 1000);
  }
  if (m.has_offset) out += " offset " + duration(m.offset_ms, m.offset_expr);
  return out;
}

// Whether a word alone reads as a selector.
bool names_a_metric(std::string_view word) {
  const std::vector<Token> tokens = lex(word);
  if (tokens.front().kind == Tok::identifier || tokens.front().kind == Tok::metric_identifier) return true;
  return parse(word).type == ValueType::vector;
}

std::string selector_core(const VectorSelector& selector) {
  const auto names = std::count_if(selector.matchers.begin(), selector.matchers.end(),
                                   [](const Matcher& m) { return m.name() == kMetricName; });
  // Outside the braces it could be a keyword, or would stand against another matcher on the name.
  const bool plain = is_valid_metric_name(selector.name) && names < 2 &&
                     (!selector.name_in_braces || names_a_metric(selector.name));
  std::vector<std::string> matchers;
  bool named = selector.name.empty();  // the matcher that the name stands for is passed
  for (const Matcher& matcher : selector.matchers) {
    if (!named && matcher.name() == kMetricName && matcher.op() == MatchOp::equal &&
        matcher.value() == selector.name) {
      named = true;
      continue;
    }
    matchers.push_back(matcher.to_string());
  }
  std::sort(matchers.begin(), matchers.end());
  if (!selector.name.empty() && !plain) matchers.insert(matchers.begin(), quoted(selector.name));
  if (plain && matchers.empty()) return selector.name;
  return fmt::format("{}{{{}}}", plain ? selector.name : "", fmt::join(matchers, ","));
}

std::string matching(const Matching& m) {
  std::string out;
  const bool grouped = m.card == Matching::Card::many_to_one || m.card == Matching::Card::one_to_many;
  if (m.on || grouped || !m.labels.empty())
    out += fmt::format(" {} ({})", m.on ? "on" : "ignoring", join(m.labels));
  if (m.card == Matching::Card::many_to_one) out += fmt::format(" group_left ({})", join(m.include));
  if (m.card == Matching::Card::one_to_many) out += fmt::format(" group_right ({})", join(m.include));
  if (m.fill_left && m.fill_right && *m.fill_left == *m.fill_right) {
    out += fmt::format(" fill ({})", format_g(*m.fill_left));
  } else {
    if (m.fill_left) out += fmt::format(" fill_left ({})", format_g(*m.fill_left));
    if (m.fill_right) out += fmt::format(" fill_right ({})", format_g(*m.fill_right));
  }
  return out;
}

struct Printer {
  std::string operator()(const NumberLiteral& n) const {
    return n.duration ? duration_text(std::llround(n.value * 1000)) : plain_decimal(n.value);
  }
  std::string operator()(const StringLiteral& s) const { return quoted(s.value); }
  std::string operator()(const VectorSelector& s) const {
    return selector_core(s) + modifiers(s.modifiers, s.extended);
  }
  std::string operator()(const MatrixSelector& m) const {
    return fmt::format("{}[{}]{}", selector_core(m.selector), duration(m.range_ms, m.range_expr),
                       modifiers(m.selector.modifiers, m.selector.extended));
  }
  std::string operator()(const Subquery& s) const {
    return fmt::format("{}[{}:{}]{}", to_string(*s.inner), duration(s.range_ms, s.range_expr),
                       s.step_ms ? duration(*s.step_ms, s.step_expr) : "", modifiers(s.modifiers));
  }
  std::string operator()(const Paren& p) const { return fmt::format("({})", to_string(*p.inner)); }
  std::string operator()(const Unary& u) const { return (u.minus ? "-" : "+") + to_string(*u.operand); }
  std::string operator()(const Binary& b) const {
    // Between others there is nothing to match.
    const bool vectors = b.lhs->type == ValueType::vector && b.rhs->type == ValueType::vector;
    return fmt::format("{} {}{}{} {}", to_string(*b.lhs), to_string(b.op), b.return_bool ? " bool" : "",
                       vectors ? matching(b.matching) : "", to_string(*b.rhs));
  }
  std::string operator()(const Aggregate& a) const {
    std::string out(to_string(a.op));
    if (a.without) {
      out += fmt::format(" without ({}) ", join(a.grouping));
    } else if (!a.grouping.empty()) {
      out += fmt::format(" by ({}) ", join(a.grouping));
    }
    return out + (a.parameter ? fmt::format("({}, {})", to_string(*a.parameter), to_string(*a.operand))
                              : fmt::format("({})", to_string(*a.operand)));
  }
  std::string operator()(const Call& c) const {
    std::string arguments;
    for (const ExprPtr& argument : c.arguments) {
      if (!arguments.empty()) arguments += ", ";
      arguments += to_string(*argument);
    }
    return fmt::format("{}({})", c.function->name, arguments);
  }
};

void append_plain_decimal(std::string& out, double value) {
  if (!std::isfinite(value)) return append_value(out, value);
  constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it to_chars() writes all digits there are
  std::array<char, 400> buffer;
  const bool large = std::fabs(value) >= kExact;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 large ? std::chars_format::scientific : std::chars_format::fixed);
  if (!large) {
    out.append(buffer.data(), end.ptr);
    return;
  }
  // 1.8446744073709552e+19: the digits there are, and zeros.
  std::string text(buffer.data(), end.ptr);
  const std::size_t mark = text.find('e');
  const auto exponent = parse_int<std::size_t>(std::string_view(text).substr(mark + 2)).value_or(0);
  text.resize(mark);
  std::erase(text, '.');
  const std::size_t sign = text.front() == '-' ? 1 : 0;
  text.resize(std::max(text.size(), sign + exponent + 1), '0');
  out += text;
}

}  // namespace

std::string to_string(const Expr& expr) { return std::visit(Printer{}, expr.node); }

std::string plain_decimal(double value) {
  std::string out;
  append_plain_decimal(out, value);
  return out;
}

std::string format_value(double value) {
  std::string out;
  append_value(out, value);
  return out;
}

void append_value(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  const double size = std::fabs(value);
  // The cuts between plain and exponent notation are those of Prometheus' JSON writer.
  const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  if (!exponent) {
    append_plain_decimal(out, value);
    return;
  }
  std::array<char, 64> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  out.append(buffer.data(), end.ptr);
}

}  // namespace chiron::promql
