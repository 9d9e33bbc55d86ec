#pragma once

#include "exporter/series/sample.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace chiron::promql {

/// What a function over a range sees of one series: its samples, at least one, ascending.
struct RangeInput {
  std::span<const Sample> samples;
  TimestampMs after, until;  ///< the window is (after, until]
  TimestampMs now;           ///< the evaluation time, which offset and @ move the window away from
  double parameter;          ///< of predict_linear and quantile_over_time
  std::vector<double>& scratch;
};

/// Nothing: the series has no result at this step.
using RangeFunction = std::optional<double> (*)(const RangeInput& input);

struct RangeFunctionRow {
  std::string_view name;
  RangeFunction function;
  bool keeps_name = false;
};
/// Null for a function that does not reduce the range of each series to a number.
const RangeFunctionRow* find_range_function(std::string_view name);

}  // namespace chiron::promql
