#pragma once

#include "rules/promql/plan.h"

namespace chiron::promql {

/// histogram_quantile() over classic buckets: series with an upper bound in the label le.
VectorPtr make_histogram_quantile(ScalarPtr quantile, VectorPtr buckets);

}  // namespace chiron::promql
