#include "rules/promql/duration_expr.h"

#include "exporter/base/parse.h"
#include "rules/promql/nodes.h"
#include "rules/promql/numbers.h"
#include "rules/promql/promql.h"

#include <cmath>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

using Kind = DurationNode::Kind;

// What nanoseconds in 64 bits hold, as Prometheus keeps durations.
constexpr double kMaxSeconds = 9'223'372'036.854775807;

// Where Prometheus says that an error is: without outer parentheses, and of an operation its operands.
Range told_range(const DurationNode& node) {
  if (node.kind == Kind::minus) return {node.range.begin, told_range(*node.left).end};
  if (node.kind == Kind::parens) {
    const Range inner = told_range(*node.left);
    return node.left->kind == Kind::literal ? Range{node.range.begin, inner.end} : inner;
  }
  if (!node.right) return node.range;
  return {told_range(*node.left).begin, told_range(*node.right).end};
}

Error at(const DurationNode& node, std::string_view what) {
  const Range range = told_range(node);
  return Error(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", range.begin, range.end, what));
}

Result<double> seconds(const DurationNode& node, QuerySpan span) {
  switch (node.kind) {
    case Kind::literal:
      return node.value;
    case Kind::step:
      return span.step;
    case Kind::range:
      return span.range;
    default:
      break;
  }
  const Result<double> left = seconds(*node.left, span);
  if (!left || node.kind == Kind::parens) return left;
  if (node.kind == Kind::minus) return -*left;
  const Result<double> right = seconds(*node.right, span);
  if (!right) return right;
  if (node.kind == Kind::min_of) return go_min(*left, *right);
  if (node.kind == Kind::max_of) return go_max(*left, *right);
  switch (node.op) {
    case Op::add:
      return *left + *right;
    case Op::sub:
      return *left - *right;
    case Op::mul:
      return *left * *right;
    case Op::pow:
      return std::pow(*left, *right);
    case Op::div:
      if (*right == 0) return at(node, "division by zero");
      return *left / *right;
    default:
      if (*right == 0) return at(node, "modulo by zero");
      return std::fmod(*left, *right);
  }
}

}  // namespace

bool depends_on_query(const DurationNode& node) {
  return node.kind == Kind::step || node.kind == Kind::range || (node.left && depends_on_query(*node.left)) ||
         (node.right && depends_on_query(*node.right));
}

Result<std::int64_t> evaluate_duration(const DurationNode& node, QuerySpan span, bool any_sign) {
  const Result<double> value = seconds(node, span);
  if (!value) return value.error();
  if (!std::isfinite(*value)) return at(node, "duration is NaN or infinite");
  if (*value <= 0 && !any_sign) return at(node, "duration must be greater than 0");
  if (std::fabs(*value) > kMaxSeconds) return at(node, "duration is out of range");
  return static_cast<std::int64_t>(*value * 1000);
}

std::string to_string(const DurationNode& node) {
  switch (node.kind) {
    case Kind::literal:
      return node.in_units ? duration_text(std::llround(node.value * 1000)) : plain_decimal(node.value);
    case Kind::step:
      return "step()";
    case Kind::range:
      return "range()";
    case Kind::minus:
      return "-" + to_string(*node.left);
    case Kind::parens:
      return fmt::format("({})", to_string(*node.left));
    case Kind::min_of:
      return fmt::format("min_of({}, {})", to_string(*node.left), to_string(*node.right));
    case Kind::max_of:
      return fmt::format("max_of({}, {})", to_string(*node.left), to_string(*node.right));
    case Kind::operation:
      break;
  }
  return fmt::format("{} {} {}", to_string(*node.left), to_string(node.op), to_string(*node.right));
}

std::string duration_text(std::int64_t ms) {
  const std::string text = format_duration(std::chrono::milliseconds(ms < 0 ? -ms : ms));
  return ms < 0 ? "-" + text : text;
}

}  // namespace chiron::promql
