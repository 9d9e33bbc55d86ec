#pragma once

#include "exporter/base/clock.h"
#include "rules/promql/ast.h"

#include <optional>
#include <set>
#include <string>

namespace chiron::rules {

/// What the engine must know of an expression beside its value.
struct ExprFacts {
  /// absent() or absent_over_time() is in it: missing data is what the rule looks for.
  bool looks_for_absence = false;
  bool has_selectors = false;
  /// The longest range with its offsets: how much history must be there before the value is what it would
  /// have been without a restart. Zero for plain selectors.
  Duration history{};
};
ExprFacts facts_of(const promql::Expr& expr);

/// The labels that elements of the result can have; nothing when that cannot be told without the series (a
/// selector without an aggregation above it yields whatever labels its series have).
std::optional<std::set<std::string>> labels_of(const promql::Expr& expr);

}  // namespace chiron::rules
