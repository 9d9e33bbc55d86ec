#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_cpu_{frequency,scaling_frequency}*_hertz{cpu} and node_cpu_scaling_governor{cpu,governor}, from
/// devices/system/cpu/cpuN/cpufreq (Documentation/admin-guide/pm/cpufreq.rst).
Result<std::unique_ptr<Collector>> make_cpufreq_collector(CollectorContext context);

}  // namespace chiron
