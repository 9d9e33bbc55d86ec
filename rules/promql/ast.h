#pragma once

#include "exporter/base/clock.h"
#include "exporter/series/labels.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace chiron::promql {

/// A byte range [begin, end) of the expression's text.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// 1-based; the column counts bytes.
struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};

enum class ValueType { none, scalar, vector, matrix, string };
std::string_view to_string(ValueType type);  ///< Prometheus' words: "instant vector", "range vector", ...

/// What the parser makes of an expression. Immutable after parse(); see parser.h for the node kinds.
struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct ParseError {
  Range range;
  std::string message;  ///< Prometheus' wording where it has one
  std::string hint;
};

}  // namespace chiron::promql
