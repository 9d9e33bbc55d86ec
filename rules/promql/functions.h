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
  int optional = 0;  ///< last arguments that may be left out; kVariadic: the last may repeat, or be absent
  static constexpr int kVariadic = -1;

  std::size_t declared() const;
  std::size_t at_least() const {
    return declared() - static_cast<std::size_t>(optional == kVariadic ? 1 : optional);
  }
  ValueType argument(std::size_t index) const;
};

const Signature* find_signature(std::string_view name);
/// The nearest name, for "did you mean"; "" when none is near.
std::string_view similar_function(std::string_view name);

/// Functions and aggregators Prometheus has and this does not yet, and why; "" for any other name.
std::string_view why_unsupported(std::string_view name);

}  // namespace chiron::promql
