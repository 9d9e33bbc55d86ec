#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_time_seconds, the zone's offset (that of this process: TZ or /etc/localtime), and the kernel's clock
/// sources.
Result<std::unique_ptr<Collector>> make_time_collector(CollectorContext context);

}  // namespace chiron
