#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// probes: the scheduled probes of the configuration file, under blackbox_exporter's names (probe_success,
/// ...) and redis_exporter's (redis_up, ...). Each probe runs on its own interval, on a thread that it may
/// hang; collect() starts those that are due, gives them a moment, and reports the latest result of all. A
/// probe whose last result is older than three of its intervals counts as failed. The destructor waits for
/// none.
Result<std::unique_ptr<Collector>> make_probes_collector(CollectorContext context);

}  // namespace chiron
