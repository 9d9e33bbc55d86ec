#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_bonding_*{master}: slaves of bonded network devices, and those with a link, from class/net
/// (Documentation/networking/bonding.rst).
Result<std::unique_ptr<Collector>> make_bonding_collector(CollectorContext context);

}  // namespace chiron
