#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_edac_*{controller,csrow,channel,dimm_label}: memory errors, from devices/system/edac/mc
/// (Documentation/admin-guide/RAS/main.rst).
Result<std::unique_ptr<Collector>> make_edac_collector(CollectorContext context);

}  // namespace chiron
