#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kSystemdOptions[] = {
    {.name = "unit-include",
     .default_value = ".+",
     .help = "Units to report; the whole name must match",
     .is_pattern = true},
    {.name = "unit-exclude",
     .default_value = R"(.+\.(automount|device|mount|scope|slice))",
     .help = "Units to leave out; the whole name must match",
     .is_pattern = true},
    {.name = "enable-restarts-metrics",
     .default_value = "true",
     .help = "Report how often systemd restarted each service",
     .is_flag = true},
    {.name = "enable-start-time-metrics",
     .default_value = "true",
     .help = "Report since when each unit is active",
     .is_flag = true},
};

/// node_systemd_*: unit states, restarts and start times, as node_exporter has them, and chiron_service_up of
/// the watched services; from the system manager over D-Bus.
Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context);

/// The same, reading from `manager`.
Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context,
                                                          std::unique_ptr<SystemdManager> manager);

}  // namespace chiron
