#include "rules/promql/script_variants.h"

#include "rules/promql/functions.h"

#include <algorithm>
#include <array>
#include <limits>

namespace chiron::promql {
namespace {

constexpr std::array<std::string_view, 15> kTimeFunctions = {
    "time",         "timestamp",   "predict_linear", "minute", "hour", "day_of_week", "start", "end",
    "day_of_month", "day_of_year", "days_in_month",  "month",  "year", "step",        "range"};

struct TimeVisitor {
  bool operator()(const Subquery& s) const { return depends_on_time(*s.inner); }
  bool operator()(const Paren& p) const { return depends_on_time(*p.inner); }
  bool operator()(const Unary& u) const { return depends_on_time(*u.operand); }
  bool operator()(const Binary& b) const { return depends_on_time(*b.lhs) || depends_on_time(*b.rhs); }
  bool operator()(const Aggregate& a) const {
    return depends_on_time(*a.operand) || (a.parameter && depends_on_time(*a.parameter));
  }
  bool operator()(const Call& c) const {
    const auto& names = kTimeFunctions;
    return std::find(names.begin(), names.end(), c.function->name) != names.end() ||
           std::any_of(c.arguments.begin(), c.arguments.end(),
                       [](const ExprPtr& a) { return depends_on_time(*a); });
  }
  template <class Leaf>
  bool operator()(const Leaf&) const {
    return false;
  }
};

struct Pinner;
ExprPtr pinned(const ExprPtr& expr, Pinner pinner);

struct Pinner {
  TimestampMs t;
  bool in_subquery = false;

  void operator()(NumberLiteral&) const {}
  void operator()(StringLiteral&) const {}
  void operator()(VectorSelector& s) const { set(s.modifiers); }
  void operator()(MatrixSelector& m) const { set(m.selector.modifiers); }
  void operator()(Subquery& s) const {
    set(s.modifiers);
    s.inner = pinned(s.inner, {t, true});
  }
  void operator()(Paren& p) const { p.inner = pinned(p.inner, *this); }
  void operator()(Unary& u) const { u.operand = pinned(u.operand, *this); }
  void operator()(Binary& b) const {
    b.lhs = pinned(b.lhs, *this);
    b.rhs = pinned(b.rhs, *this);
  }
  void operator()(Aggregate& a) const {
    a.operand = pinned(a.operand, *this);
    if (a.parameter) a.parameter = pinned(a.parameter, *this);
  }
  void operator()(Call& c) const {
    for (ExprPtr& argument : c.arguments) argument = pinned(argument, *this);
  }

  // A subquery evaluates what is in it at times of its own; start() and end() are the query's there, too.
  void set(Modifiers& modifiers) const {
    if (modifiers.at == Modifiers::At::time || (in_subquery && modifiers.at == Modifiers::At::none)) return;
    modifiers.at = Modifiers::At::time;
    modifiers.at_ms = t;
  }
};

ExprPtr pinned(const ExprPtr& expr, Pinner pinner) {
  auto copy = std::make_shared<Expr>(*expr);
  std::visit(pinner, copy->node);
  return copy;
}

}  // namespace

bool depends_on_time(const Expr& expr) { return std::visit(TimeVisitor{}, expr.node); }

ExprPtr pin(const ExprPtr& expr, TimestampMs t) { return pinned(expr, Pinner{t}); }

Value at_step(const Matrix& matrix, TimestampMs t, bool scalar) {
  Vector vector;
  for (const MatrixSeries& series : matrix) {
    for (const Sample& sample : series.samples) {
      if (sample.t == t) vector.push_back({series.labels, t, sample.v});
    }
  }
  if (!scalar) return vector;
  return Scalar{t, vector.empty() ? std::numeric_limits<double>::quiet_NaN() : vector.front().v};
}

}  // namespace chiron::promql
