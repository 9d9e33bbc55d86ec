#include "rules/promql/tree.h"

#include "rules/promql/functions.h"
#include "rules/promql/nodes.h"

#include <iterator>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

class TreeWriter {
 public:
  void node(const Expr& expr) {
    const auto [kind, children] = std::visit(Describe{}, expr.node);
    fmt::format_to(std::back_inserter(text_), "{:{}}{} ({}): {}\n", "", 2 * depth_, kind,
                   to_string(expr.type), to_string(expr));
    ++depth_;
    for (const ExprPtr& child : children) {
      if (child) node(*child);
    }
    --depth_;
  }
  std::string take() { return std::move(text_); }

 private:
  using Description = std::pair<std::string_view, std::vector<ExprPtr>>;
  struct Describe {
    Description operator()(const NumberLiteral& n) const { return {n.duration ? "duration" : "number", {}}; }
    Description operator()(const StringLiteral&) const { return {"string", {}}; }
    Description operator()(const VectorSelector&) const { return {"selector", {}}; }
    Description operator()(const MatrixSelector&) const { return {"range selector", {}}; }
    Description operator()(const Subquery& s) const { return {"subquery", {s.inner}}; }
    Description operator()(const Paren& p) const { return {"parentheses", {p.inner}}; }
    Description operator()(const Unary& u) const { return {"sign", {u.operand}}; }
    Description operator()(const Binary& b) const { return {"operator", {b.lhs, b.rhs}}; }
    Description operator()(const Aggregate& a) const { return {"aggregation", {a.parameter, a.operand}}; }
    Description operator()(const Call& c) const { return {"call", c.arguments}; }
  };

  std::string text_;
  std::size_t depth_ = 0;
};

struct AggregationRow {
  AggregateOp op;
  std::string_view arguments;
  std::string_view summary;
};
constexpr std::array kAggregations = {
    AggregationRow{AggregateOp::avg, "instant vector", "Mean."},
    AggregationRow{AggregateOp::bottomk, "scalar, instant vector",
                   "The so many least elements, as they are."},
    AggregationRow{AggregateOp::count, "instant vector", "Number of elements."},
    AggregationRow{AggregateOp::count_values, "string, instant vector",
                   "Number of elements of each value, which becomes the label named."},
    AggregationRow{AggregateOp::group, "instant vector", "1 for each group."},
    AggregationRow{
        AggregateOp::limit_ratio, "scalar, instant vector",
        "That share of the elements, chosen by the hash of their labels; a negative one, the others."},
    AggregationRow{AggregateOp::limitk, "scalar, instant vector", "The first so many elements, as they are."},
    AggregationRow{AggregateOp::max, "instant vector", "Greatest value."},
    AggregationRow{AggregateOp::min, "instant vector", "Least value."},
    AggregationRow{AggregateOp::quantile, "scalar, instant vector", "Quantile, with linear interpolation."},
    AggregationRow{AggregateOp::stddev, "instant vector", "Population standard deviation."},
    AggregationRow{AggregateOp::stdvar, "instant vector", "Population variance."},
    AggregationRow{AggregateOp::sum, "instant vector", "Sum."},
    AggregationRow{AggregateOp::topk, "scalar, instant vector",
                   "The so many greatest elements, as they are."},
};

std::string_view flag(bool experimental) { return experimental ? "yes" : ""; }

}  // namespace

std::string tree_text(const Expr& expr) {
  TreeWriter writer;
  writer.node(expr);
  return writer.take();
}

std::string signature_text(const FunctionInfo& function) {
  std::string arguments;
  for (std::size_t i = 0; i < function.arguments.size(); ++i) {
    const bool repeats = function.repeat != 0 && i + 1 == function.arguments.size();
    if (i > 0) arguments += ", ";
    arguments +=
        repeats ? fmt::format("[{}{}]", to_string(function.arguments[i]), function.repeat == 1 ? "" : "...")
                : std::string(to_string(function.arguments[i]));
  }
  return fmt::format("{}({})", function.name, arguments);
}

std::string reference_tables() {
  std::string out = "| function | gives | experimental | |\n|---|---|---|---|\n";
  for (const FunctionInfo& function : functions()) {
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", signature_text(function),
                   to_string(function.result), flag(function.experimental), function.summary);
  }
  out += "\n| aggregation | experimental | |\n|---|---|---|\n";
  for (const AggregationRow& row : kAggregations) {
    fmt::format_to(std::back_inserter(out), "| `{}({})` | {} | {} |\n", to_string(row.op), row.arguments,
                   flag(is_experimental(row.op)), row.summary);
  }
  return out;
}

}  // namespace chiron::promql
