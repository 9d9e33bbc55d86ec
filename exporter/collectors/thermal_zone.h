#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_thermal_zone_temp{zone,type} and node_cooling_device_*{name,type}, from class/thermal
/// (Documentation/driver-api/thermal/sysfs-api.rst).
Result<std::unique_ptr<Collector>> make_thermal_zone_collector(CollectorContext context);

}  // namespace chiron
