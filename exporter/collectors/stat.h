#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kStatOptions[] = {
    {.name = "softirq",
     .default_value = "false",
     .help = "Also report the soft interrupts per vector",
     .is_flag = true},
};

/// What /proc/stat (proc(5)) says beside CPU time: interrupts, context switches, forks, boot time, running
/// and blocked processes.
Result<std::unique_ptr<Collector>> make_stat_collector(CollectorContext context);

}  // namespace chiron
