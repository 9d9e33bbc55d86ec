#pragma once

#include "exporter/base/unit_watch.h"
#include "exporter/collectors/collector.h"

#include <functional>
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
    {.name = "enable-task-metrics",
     .default_value = "true",
     .help = "Report how many tasks each service has and may have",
     .is_flag = true},
    {.name = "resources",
     .default_value = R"(.+\.service)",
     .help =
         "Reported units whose CPU, memory and I/O are read from their control group; the whole name must "
         "match; empty for none",
     .is_pattern = true},
};

/// node_systemd_*: unit states, restarts, start times, tasks, timers and sockets, as node_exporter has them;
/// systemd_unit_*: CPU, memory and I/O of the units' control groups; chiron_service_up of the watched
/// services and chiron_discovered_service_state of well-known ones.
Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context);

/// The same, reading from what `make_watch` makes for its interest.
using MakeUnitWatch = std::function<std::unique_ptr<UnitWatch>(BusAddress, UnitInterest)>;
Result<std::unique_ptr<Collector>> make_systemd_collector(CollectorContext context,
                                                          const MakeUnitWatch& make_watch);

}  // namespace chiron
