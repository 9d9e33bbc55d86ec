#pragma once

#include "rules/promql/promql.h"
#include "rules/promql/test_series.h"

#include <optional>
#include <string>
#include <vector>

namespace chiron::promql {

/// What a script says an evaluation gives.
struct Expected {
  std::vector<SeriesLine> series;
  std::optional<double> scalar;
  std::optional<std::string> text;
  bool ordered = false;
  bool matrix = false;  ///< the series' values stand at start, start + step, ...
  TimestampMs start = 0, end = 0, step = 0;
};

/// Equal to within 1e-6 of their size; 0 only to itself; NaN to NaN, the staleness marker only to itself.
bool almost_equal(double a, double b);

/// What differs, for a person; "" when nothing does.
std::string compare(const Expected& expected, const Value& value);

}  // namespace chiron::promql
