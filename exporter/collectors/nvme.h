#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_nvme_*{device,nsid}: NVMe controllers and their namespaces, from class/nvme.
Result<std::unique_ptr<Collector>> make_nvme_collector(CollectorContext context);

}  // namespace chiron
