#pragma once

#include "exporter/base/clock.h"

#include <bit>
#include <cstdint>

namespace chiron {

struct Sample {
  TimestampMs t = 0;
  double v = 0;
  bool operator==(const Sample&) const = default;
};

/// Prometheus' staleness marker (model/value/value.go): the series ended here. A signalling NaN: copying it
/// through arithmetic quiets it, so it is only ever compared by bits.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;
inline double stale_marker() { return std::bit_cast<double>(kStaleBits); }
inline bool is_stale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

}  // namespace chiron
