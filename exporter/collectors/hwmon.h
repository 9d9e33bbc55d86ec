#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kHwmonOptions[] = {
    {.name = "chip-include",
     .default_value = "",
     .help = "Chips to report, instead of an exclusion",
     .is_pattern = true},
    {.name = "chip-exclude", .default_value = "", .help = "Chips to leave out", .is_pattern = true},
    {.name = "sensor-include",
     .default_value = "",
     .help = "Sensors to report, as CHIP;SENSOR, instead of an exclusion",
     .is_pattern = true},
    {.name = "sensor-exclude",
     .default_value = "",
     .help = "Sensors to leave out, as CHIP;SENSOR",
     .is_pattern = true},
};

/// node_hwmon_*{chip,sensor}: what class/hwmon has of temperatures, voltages, fans, power and their alarms
/// (Documentation/hwmon/sysfs-interface.rst).
Result<std::unique_ptr<Collector>> make_hwmon_collector(CollectorContext context);

}  // namespace chiron
