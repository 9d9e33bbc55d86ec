#pragma once

#include "exporter/series/labels.h"

#include <cstdint>
#include <string_view>

namespace chiron::promql {

/// XXH64 with seed 0 (xxHash specification 0.1.1).
std::uint64_t xxhash64(std::string_view data);

/// Where a label set's hash lies between 0 and 1, as Prometheus finds it for limit_ratio: the hash is that of
/// its default encoding of labels, name and value each after its size.
double hash_share(const Labels& labels);

}  // namespace chiron::promql
