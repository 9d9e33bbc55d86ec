#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kVmstatOptions[] = {
    {.name = "fields",
     .default_value = "^(oom_kill|pgpg|pswp|pg.*fault).*",
     .help = "Fields of /proc/vmstat to report",
     .is_pattern = true},
};

/// node_vmstat_*: fields of /proc/vmstat (proc(5)), counts and sizes alike, hence untyped.
Result<std::unique_ptr<Collector>> make_vmstat_collector(CollectorContext context);

}  // namespace chiron
