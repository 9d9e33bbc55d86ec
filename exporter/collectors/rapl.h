#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kRaplOptions[] = {
    {.name = "enable-zone-label",
     .default_value = "false",
     .help = "One family, node_rapl_joules_total, with the name of the zone as label",
     .is_flag = true},
};

/// node_rapl_*_joules_total{index,path}: energy that parts of the processors used, from class/powercap
/// (Documentation/power/powercap/powercap.rst).
Result<std::unique_ptr<Collector>> make_rapl_collector(CollectorContext context);

}  // namespace chiron
