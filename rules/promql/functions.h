#pragma once

#include "rules/promql/ast.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace chiron::promql {

/// What a function takes and gives: the type check is one loop over this.
struct Signature {
  std::string_view name;
  ValueType result = ValueType::none;
  std::array<ValueType, 5> arguments{};  ///< none from the first unused on
  std::string_view summary;              ///< for the reference page
  int repeat = 0;  ///< n: the last argument may come 0 to n times; kAnyNumber: any number of times
  bool experimental = false;
  static constexpr int kAnyNumber = -1;

  std::size_t declared() const;
  std::size_t at_least() const { return declared() - (repeat == 0 ? 0 : 1); }
  std::size_t at_most() const;
  ValueType argument(std::size_t index) const;
};

const Signature* find_signature(std::string_view name);
/// The nearest name, for "did you mean"; "" when none is near.
std::string_view similar_function(std::string_view name);

/// Functions that Prometheus has or had and this has not, and why; "" for any other name.
std::string_view why_unsupported(std::string_view name);

}  // namespace chiron::promql
