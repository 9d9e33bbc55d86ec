#include "rules/promql/pretty.h"

#include "exporter/base/parse.h"
#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"

#include <string_view>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

/// Prometheus' (promql/parser/prettier.go).
constexpr std::size_t kLine = 100;

std::string indent(std::size_t level) { return std::string(2 * level, ' '); }

std::string lay_out(const Expr& expr, std::size_t level);

/// Only called for what does not fit; `text` is the whole expression on one line.
struct Breaker {
  std::string_view text;
  std::size_t level;

  std::string flat() const { return indent(level) + std::string(text); }
  std::string wrapped(std::string_view before, const std::string& inside) const {
    return fmt::format("{}{}(\n{}\n{})", indent(level), before, inside, indent(level));
  }

  std::string operator()(const NumberLiteral&) const { return flat(); }
  std::string operator()(const StringLiteral&) const { return flat(); }
  std::string operator()(const VectorSelector&) const { return flat(); }
  std::string operator()(const MatrixSelector&) const { return flat(); }
  std::string operator()(const Subquery& s) const {
    return lay_out(*s.inner, level) + std::string(text.substr(to_string(*s.inner).size()));
  }
  std::string operator()(const Paren& p) const { return wrapped("", lay_out(*p.inner, level + 1)); }
  std::string operator()(const Unary& u) const {
    return indent(level) + (u.minus ? '-' : '+') + std::string(trim(lay_out(*u.operand, level)));
  }
  std::string operator()(const Binary& b) const {
    // What stands between the operands, blanks included: the operator with its modifiers.
    const std::size_t lhs = to_string(*b.lhs).size(), rhs = to_string(*b.rhs).size();
    const std::string_view between = trim(text.substr(lhs, text.size() - lhs - rhs));
    return fmt::format("{}\n{}{}\n{}", lay_out(*b.lhs, level + 1), indent(level), between,
                       lay_out(*b.rhs, level + 1));
  }
  std::string operator()(const Aggregate& a) const {
    std::size_t inside = to_string(*a.operand).size();
    std::string lines;
    if (a.parameter) {
      inside += to_string(*a.parameter).size() + 2;
      lines = lay_out(*a.parameter, level + 1) + ",\n";
    }
    return wrapped(text.substr(0, text.size() - inside - 2), lines + lay_out(*a.operand, level + 1));
  }
  std::string operator()(const Call& c) const {
    std::string lines;
    for (const ExprPtr& argument : c.arguments) {
      lines += (lines.empty() ? "" : ",\n") + lay_out(*argument, level + 1);
    }
    return wrapped(text.substr(0, text.find('(')), lines);
  }
};

std::string lay_out(const Expr& expr, std::size_t level) {
  const std::string text = to_string(expr);
  const Breaker breaker{text, level};
  return text.size() > kLine ? std::visit(breaker, expr.node) : breaker.flat();
}

}  // namespace

std::string pretty(const Expr& expr) { return lay_out(expr, 0); }

}  // namespace chiron::promql
