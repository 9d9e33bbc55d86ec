#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kProcessesOptions[] = {
    {.name = "threads-state",
     .default_value = "true",
     .help = "Also report node_processes_threads_state, which looks at every thread of every process",
     .is_flag = true},
};

/// node_processes_*: how many processes and threads there are, in which states, and how many there may be
/// (proc_pid_stat(5), proc_sys_kernel(5)).
Result<std::unique_ptr<Collector>> make_processes_collector(CollectorContext context);

}  // namespace chiron
