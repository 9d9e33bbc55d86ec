#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kInterruptsOptions[] = {
    {.name = "name-include",
     .default_value = "",
     .help = "Regular expression of interrupts to report, as TYPE;INFO;DEVICES; not beside name-exclude",
     .is_pattern = true},
    {.name = "name-exclude",
     .default_value = "",
     .help = "Regular expression of interrupts to leave out, as TYPE;INFO;DEVICES; not beside name-include",
     .is_pattern = true},
    {.name = "include-zeros",
     .default_value = "true",
     .help = "Also report the CPUs on which an interrupt never came",
     .is_flag = true},
};

/// node_interrupts_total{cpu,type,info,devices} from /proc/interrupts (proc(5); kernel/irq/proc.c, and
/// arch/x86/kernel/irq.c for what has a name instead of a number). A series for each interrupt and CPU: off
/// by default. The label cpu is the number that the heading has, which also while a CPU is offline is that of
/// node_cpu_seconds_total.
Result<std::unique_ptr<Collector>> make_interrupts_collector(CollectorContext context);

}  // namespace chiron
