#include "rules/promql/ast.h"

#include "rules/promql/nodes.h"

#include <algorithm>
#include <array>

namespace chiron::promql {

TextPosition position_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto breaks = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  return {breaks + 1, before.size() - (before.rfind('\n') + 1) + 1};
}

std::string_view to_string(ValueType type) {
  switch (type) {
    case ValueType::none:
      return "none";
    case ValueType::scalar:
      return "scalar";
    case ValueType::vector:
      return "instant vector";
    case ValueType::matrix:
      return "range vector";
    case ValueType::string:
      return "string";
  }
  return "none";
}

std::string_view to_string(Op op) {
  static constexpr std::array<std::string_view, 18> kNames = {"+",     "-",  "*",  "/",   "%",  "^",
                                                              "atan2", "==", "!=", ">",   "<",  ">=",
                                                              "<=",    "</", ">/", "and", "or", "unless"};
  return kNames[static_cast<std::size_t>(op)];
}

std::string_view to_string(AggregateOp op) {
  static constexpr std::array<std::string_view, 14> kNames = {
      "sum",    "avg",  "count",   "min",    "max",         "group",        "stddev",
      "stdvar", "topk", "bottomk", "limitk", "limit_ratio", "count_values", "quantile"};
  return kNames[static_cast<std::size_t>(op)];
}

const Expr& without_parens(const Expr& expr) {
  const Expr* inner = &expr;
  while (const auto* paren = std::get_if<Paren>(&inner->node)) inner = paren->inner.get();
  return *inner;
}

}  // namespace chiron::promql
