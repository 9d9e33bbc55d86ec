#pragma once

#include "exporter/series/sample.h"
#include "rules/promql/nodes.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::promql {

/// What a function over a range sees of one series: its samples, at least one, ascending.
struct RangeInput {
  std::span<const Sample> samples;  ///< with anchored and smoothed also some outside of the window
  TimestampMs after, until;         ///< the window is (after, until]
  TimestampMs now;                  ///< the evaluation time, which offset and @ move the window away from
  const std::array<double, 2>& parameters;  ///< the scalar arguments
  Extended extended;
  std::span<const TimestampMs>
      starts;  ///< of the samples, 0 for none; empty when nobody asks, or none has any
  std::vector<double>& scratch;
};

/// Nothing: the series has no result at this step.
using RangeFunction = std::optional<double> (*)(const RangeInput& input);

struct RangeFunctionRow {
  std::string_view name;
  RangeFunction function;
  bool keeps_name = false;
  /// What the scalar arguments must be.
  enum class Parameters { any, quantile, smoothing } parameters = Parameters::any;
  bool wants_counter = false;  ///< over another metric it says so
  bool wants_starts = false;   ///< looks at start timestamps, too
  bool anchored = false;       ///< works with the modifier of that name
  bool smoothed = false;
};
/// Null for a function that does not reduce the range of each series to a number.
const RangeFunctionRow* find_range_function(std::string_view name);
/// Names of the functions that work with the modifier, as the error lists them.
std::string functions_that_work_with(Extended extended);

/// The value at `t` on the line between two samples. A counter that was reset in between starts at 0.
double interpolate(const Sample& before, const Sample& after, TimestampMs t, bool counter);
/// What `metric[5m] anchored` gives: the samples in the window and a value at each of its ends. Appends to
/// `out`.
void extend_to_bounds(std::span<const Sample> samples, TimestampMs after, TimestampMs until, bool smoothed,
                      std::vector<Sample>& out);

}  // namespace chiron::promql
