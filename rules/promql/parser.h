#pragma once

#include <cstddef>

namespace chiron::promql {

/// Parentheses, arguments and unary signs inside one another; the parser recurses once a level.
inline constexpr std::size_t kMaxNesting = 200;
/// Levels of the tree, which a long chain of operators makes deep without nesting; the evaluator recurses
/// once a level.
inline constexpr std::size_t kMaxDepth = 1000;

}  // namespace chiron::promql
