#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr std::string_view kDiskDeviceExclude =
    R"(^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$)";

inline constexpr CollectorOption kDiskstatsOptions[] = {
    {.name = "device-exclude",
     .default_value = kDiskDeviceExclude,
     .help = "Block devices to leave out",
     .is_pattern = true},
    {.name = "device-include",
     .default_value = "",
     .help = "Block devices to report, instead of an exclusion",
     .is_pattern = true},
};

/// node_disk_*: /proc/diskstats (kernel: Documentation/admin-guide/iostats.rst) and what udev knows of each
/// device.
Result<std::unique_ptr<Collector>> make_diskstats_collector(CollectorContext context);

}  // namespace chiron
