#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_btrfs_*{uuid}: space and commits of Btrfs file systems, from fs/btrfs/UUID; of those that are
/// mounted, the identity, unused bytes and errors of their devices too, as the file system tells them.
Result<std::unique_ptr<Collector>> make_btrfs_collector(CollectorContext context);

}  // namespace chiron
