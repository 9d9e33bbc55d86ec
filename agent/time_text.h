#pragma once

#include "exporter/base/clock.h"

#include <optional>
#include <string_view>

namespace chiron::agent {

/// A time as Prometheus' API takes it: Unix seconds with a fraction, or RFC 3339 with a zone
/// (2026-01-31T23:59:59.5+01:00).
std::optional<TimestampMs> parse_time(std::string_view text);

}  // namespace chiron::agent
