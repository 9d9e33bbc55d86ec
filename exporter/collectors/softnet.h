#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_softnet_*: what each CPU did with received packets, from net/softnet_stat (net/core/net-procfs.c).
Result<std::unique_ptr<Collector>> make_softnet_collector(CollectorContext context);

}  // namespace chiron
