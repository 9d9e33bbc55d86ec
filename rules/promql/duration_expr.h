#pragma once

#include "exporter/base/result.h"
#include "rules/promql/ast.h"

#include <cstdint>
#include <memory>
#include <string>

namespace chiron::promql {

enum class Op;
struct DurationNode;
using DurationPtr = std::shared_ptr<const DurationNode>;

/// A computed duration in brackets or after `offset`: 2 * 5m, step(), min_of(range(), 1h). Immutable.
struct DurationNode {
  enum class Kind { literal, step, range, minus, parens, min_of, max_of, operation };
  Kind kind = Kind::literal;
  Op op{};                  ///< of an operation
  double value = 0;         ///< seconds, of a literal
  bool in_units = false;    ///< the literal was written with units
  DurationPtr left, right;  ///< minus and parens have only the left one
  Range range;
  std::size_t depth = 1;
};

/// What step() and range() stand for, in seconds; 0 in an instant query.
struct QuerySpan {
  double step = 0;
  double range = 0;
};

/// Whether the value depends on the query that evaluates it.
bool depends_on_query(const DurationNode& node);
/// Milliseconds; the errors are Prometheus'. Only offsets may be 0 or less.
Result<std::int64_t> evaluate_duration(const DurationNode& node, QuerySpan span, bool any_sign);

/// As it reads in an expression; the canonical form.
std::string to_string(const DurationNode& node);
/// 1h30m, -5m, 0s
std::string duration_text(std::int64_t ms);

}  // namespace chiron::promql
