#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kCpuOptions[] = {
    {.name = "guest",
     .default_value = "true",
     .help = "Report node_cpu_guest_seconds_total",
     .is_flag = true},
    {.name = "info", .default_value = "false", .help = "Report node_cpu_info", .is_flag = true},
    {.name = "info.flags-include",
     .default_value = "",
     .help = "With info: which of the first CPU's flags to report as node_cpu_flag_info",
     .is_pattern = true},
    {.name = "info.bugs-include",
     .default_value = "",
     .help = "With info: which of the first CPU's bugs to report as node_cpu_bug_info",
     .is_pattern = true},
};

/// node_cpu_*: time per CPU and mode from /proc/stat, throttling and isolation from sysfs, on demand
/// /proc/cpuinfo.
Result<std::unique_ptr<Collector>> make_cpu_collector(CollectorContext context);

}  // namespace chiron
