#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_md_*{device}: Linux software RAID, from mdstat and block/mdN/md (Documentation/admin-guide/md.rst).
Result<std::unique_ptr<Collector>> make_mdadm_collector(CollectorContext context);

}  // namespace chiron
