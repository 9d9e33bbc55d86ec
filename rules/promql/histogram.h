#pragma once

#include "rules/promql/plan.h"

#include <string>
#include <vector>

namespace chiron::promql {

/// histogram_quantile() and histogram_quantiles() over classic buckets: series with an upper bound in the
/// label le.
struct HistogramQuantiles {
  std::vector<ScalarPtr> quantiles;
  std::vector<TextPosition> quantile_positions;
  VectorPtr buckets;
  TextPosition where;  ///< of the buckets
  std::string label;   ///< that tells the quantiles apart; "" for a single one
};
VectorPtr make_histogram_quantiles(HistogramQuantiles arguments);
/// histogram_fraction(): the share of observations between two bounds. `where` is the buckets'.
VectorPtr make_histogram_fraction(ScalarPtr lower, ScalarPtr upper, VectorPtr buckets, TextPosition where);

}  // namespace chiron::promql
