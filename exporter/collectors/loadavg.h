#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_load1, node_load5, node_load15 from /proc/loadavg (proc(5)).
Result<std::unique_ptr<Collector>> make_loadavg_collector(CollectorContext context);

}  // namespace chiron
