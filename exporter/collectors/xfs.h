#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_xfs_*_total{device}: operations of XFS file systems, from fs/xfs/DEVICE/stats/stats
/// (Documentation/admin-guide/xfs.rst).
Result<std::unique_ptr<Collector>> make_xfs_collector(CollectorContext context);

}  // namespace chiron
