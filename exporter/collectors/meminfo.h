#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_memory_*: every line of /proc/meminfo (proc(5)). "Active(file): 8 kB" is
/// node_memory_Active_file_bytes 8192; lines without a unit are counts and get no suffix.
Result<std::unique_ptr<Collector>> make_meminfo_collector(CollectorContext context);

}  // namespace chiron
