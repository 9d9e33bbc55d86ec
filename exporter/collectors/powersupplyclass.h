#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kPowerSupplyOptions[] = {
    {.name = "ignored-supplies",
     .flag_prefix = "powersupply",
     .default_value = "^$",
     .help = "Power supplies to leave out",
     .is_pattern = true},
};

/// node_power_supply_*{power_supply}, from class/power_supply: batteries and mains
/// (Documentation/ABI/testing/sysfs-class-power).
Result<std::unique_ptr<Collector>> make_powersupplyclass_collector(CollectorContext context);

}  // namespace chiron
