#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kNetclassOptions[] = {
    {.name = "ignored-devices",
     .default_value = "^$",
     .help = "Network devices to leave out",
     .is_pattern = true},
    {.name = "ignore-invalid-speed",
     .default_value = "false",
     .help = "Leave out the speed of a device that does not know it",
     .is_flag = true},
};

/// node_network_*{device} but for the counters of netdev: state, address, speed and the like, from class/net
/// (Documentation/ABI/testing/sysfs-class-net); of the running kernel most over rtnetlink(7).
Result<std::unique_ptr<Collector>> make_netclass_collector(CollectorContext context);

}  // namespace chiron
