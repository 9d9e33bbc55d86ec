#pragma once

#include "exporter/base/clock.h"

#include <optional>
#include <string_view>

namespace chiron::agent {

/// The farthest times there are. Evaluation adds durations to a time and takes them away, 292 years each, far
/// from an overflow.
inline constexpr TimestampMs kLatest = 9'000'000'000'000'000'000, kEarliest = -kLatest;

/// A time as Prometheus' API takes it: Unix seconds with a fraction, or RFC 3339 as Go reads it, with a zone
/// (2026-01-31T23:59:59.5+01:00). A number beyond the farthest times is taken for the next of them, NaN for
/// the earliest.
std::optional<TimestampMs> parse_time(std::string_view text);

}  // namespace chiron::agent
