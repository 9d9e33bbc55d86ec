#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/collectors/probe_spec.h"
#include "exporter/series/labels.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

/// A probe checked and ready: address parsed, pattern compiled.
struct PreparedProbe {
  ProbeSpec spec;
  std::optional<Pattern> body;
};

/// What one attempt found out.
struct ProbeOutcome {
  bool success = false;
  std::string error;  ///< why not
  Duration took{};
  // http
  std::optional<int> status_code;
  std::optional<double> content_length;
  std::optional<int> redirects;
  std::optional<bool> failed_by_regex;
  // redis
  std::optional<double> redis_memory_used;
  std::optional<double> redis_memory_max;
  std::vector<std::pair<std::string, double>> redis_keys;  ///< by database: db0, db1, ...
};

/// http, tcp, unix or redis.
std::string_view to_string(ProbeModule module);

/// Refuses a target that does not fit its module.
Status check_probe_target(const ProbeSpec& spec);
/// Refuses what check_probe_target() does, and a pattern that is none.
Result<PreparedProbe> prepare_probe(const ProbeSpec& spec);

/// Tries the target once. Blocks the calling thread for as long as the probe's timeout, not longer.
ProbeOutcome attempt_probe(const PreparedProbe& probe);

}  // namespace chiron
