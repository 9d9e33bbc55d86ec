#pragma once

#include "rules/promql/plan.h"

namespace chiron::promql {

/// histogram_quantile() over classic buckets: series with an upper bound in the label le.
VectorPtr make_histogram_quantile(ScalarPtr quantile, VectorPtr buckets);
/// histogram_fraction(): the share of observations between two bounds.
VectorPtr make_histogram_fraction(ScalarPtr lower, ScalarPtr upper, VectorPtr buckets);

}  // namespace chiron::promql
