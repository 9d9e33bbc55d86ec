#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kArpOptions[] = {
    {.name = "device-include",
     .default_value = "",
     .help = "Network devices to report, instead of an exclusion",
     .is_pattern = true},
    {.name = "device-exclude",
     .default_value = "",
     .help = "Network devices to leave out",
     .is_pattern = true},
};

/// node_arp_entries per device: the lines of net/arp (proc_pid_net(5)), which leaves out those that need no
/// address resolution, as node_exporter does when it asks over netlink.
Result<std::unique_ptr<Collector>> make_arp_collector(CollectorContext context);

}  // namespace chiron
