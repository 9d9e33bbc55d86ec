#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_schedstat_*: how long tasks ran on each CPU and waited for it (kernel: Documentation/scheduler/
/// sched-stats.rst). Nothing to report on a kernel without CONFIG_SCHEDSTATS.
Result<std::unique_ptr<Collector>> make_schedstat_collector(CollectorContext context);

}  // namespace chiron
