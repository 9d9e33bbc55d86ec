#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_watchdog_*{name}, from class/watchdog (Documentation/ABI/testing/sysfs-class-watchdog).
Result<std::unique_ptr<Collector>> make_watchdog_collector(CollectorContext context);

}  // namespace chiron
