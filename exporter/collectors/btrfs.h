#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_btrfs_*{uuid}: space and commits of Btrfs file systems, from fs/btrfs/UUID.
Result<std::unique_ptr<Collector>> make_btrfs_collector(CollectorContext context);

}  // namespace chiron
