#pragma once

#include "exporter/base/clock.h"
#include "exporter/series/labels.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
/// Where the byte at `offset` of the text stands; its end for what lies beyond.
TextPosition position_in(std::string_view text, std::size_t offset);

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
