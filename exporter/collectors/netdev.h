#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kNetdevOptions[] = {
    {.name = "device-include",
     .default_value = "",
     .help = "Network devices to report, instead of an exclusion",
     .is_pattern = true},
    {.name = "device-exclude",
     .default_value = "",
     .help = "Network devices to leave out",
     .is_pattern = true},
};

/// node_network_{receive,transmit}_*_total per device, from /proc/net/dev (proc(5)), and what that leaves out
/// from class/net/DEVICE/statistics: neither waits for whoever configures a device, as rtnetlink(7) does.
Result<std::unique_ptr<Collector>> make_netdev_collector(CollectorContext context);

}  // namespace chiron
