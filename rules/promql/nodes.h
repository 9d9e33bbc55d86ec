#pragma once

#include "exporter/series/labels.h"
#include "rules/promql/ast.h"
#include "rules/promql/duration_expr.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace chiron::promql {

struct Signature;

enum class Op {
  add,
  sub,
  mul,
  div,
  mod,
  pow,
  atan2,
  eq,
  ne,
  gt,
  lt,
  ge,
  le,
  trim_upper,  ///< `</` and `>/` cut native histograms; between floats they give nothing
  trim_lower,
  land,
  lor,
  unless
};
std::string_view to_string(Op op);
inline bool is_comparison(Op op) { return op >= Op::eq && op <= Op::le; }
inline bool is_trim(Op op) { return op == Op::trim_upper || op == Op::trim_lower; }
inline bool is_set_operator(Op op) { return op >= Op::land; }

enum class AggregateOp {
  sum,
  avg,
  count,
  min,
  max,
  group,
  stddev,
  stdvar,
  topk,
  bottomk,
  limitk,
  limit_ratio,
  count_values,
  quantile
};
std::string_view to_string(AggregateOp op);
inline bool takes_parameter(AggregateOp op) { return op >= AggregateOp::topk; }
inline bool is_experimental(AggregateOp op) {
  return op == AggregateOp::limitk || op == AggregateOp::limit_ratio;
}

/// `offset` and `@`: samples are looked up at (at, or the evaluation time) - offset, whatever the order they
/// were written in.
struct Modifiers {
  enum class At { none, time, start, end };
  std::int64_t offset_ms = 0;
  DurationPtr offset_expr;  ///< null for a plain duration
  TimestampMs at_ms = 0;    ///< only for At::time
  At at = At::none;
  bool has_offset = false;
};

/// Experimental modifiers: samples around the window are read too, for values at its ends.
enum class Extended { none, anchored, smoothed };

struct NumberLiteral {
  double value = 0;       ///< seconds for a duration
  bool duration = false;  ///< written with units
};
struct StringLiteral {
  std::string value;
};
struct VectorSelector {
  std::string name;               ///< "" when written without one
  bool name_in_braces = false;    ///< {"the name"}
  bool labels_only = false;       ///< the second argument of info(), which may match everything
  std::vector<Matcher> matchers;  ///< with the one for the name
  Modifiers modifiers;
  Extended extended = Extended::none;
};
// The milliseconds beside a duration expression are its value when it has one without a query; otherwise 1.
struct MatrixSelector {
  VectorSelector selector;
  std::int64_t range_ms = 0;
  DurationPtr range_expr;
};
struct Subquery {
  ExprPtr inner;
  std::int64_t range_ms = 0;
  std::optional<std::int64_t> step_ms;  ///< nothing: the evaluation interval
  DurationPtr range_expr, step_expr;
  Modifiers modifiers;
};
struct Paren {
  ExprPtr inner;
};
struct Unary {
  bool minus = false;
  ExprPtr operand;
};

struct Matching {
  enum class Card { one_to_one, many_to_one, one_to_many, many_to_many };
  Card card = Card::one_to_one;
  bool on = false;  ///< `labels` are the only ones compared; otherwise they are the ones ignored
  std::vector<std::string> labels;
  std::vector<std::string> include;             ///< of group_left/group_right
  std::optional<double> fill_left, fill_right;  ///< values of elements that are missing on that side
};
struct Binary {
  Op op = Op::add;
  bool return_bool = false;
  ExprPtr lhs, rhs;
  Matching matching;
  Range op_range;  ///< of the operator, with bool and matching
};
struct Aggregate {
  AggregateOp op = AggregateOp::sum;
  ExprPtr operand;
  ExprPtr parameter;  ///< null unless takes_parameter(op)
  bool without = false;
  std::vector<std::string> grouping;
};
struct Call {
  const Signature* function = nullptr;
  std::vector<ExprPtr> arguments;
};

/// A node of a checked expression.
struct Expr {
  Range range;
  TextPosition where;  ///< of range.begin
  ValueType type = ValueType::none;
  std::size_t depth = 1;  ///< levels below and including this one, bounded by the parser
  std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Paren, Unary, Binary,
               Aggregate, Call>
      node;
};

/// The expression without the parentheses around it.
const Expr& without_parens(const Expr& expr);

}  // namespace chiron::promql
