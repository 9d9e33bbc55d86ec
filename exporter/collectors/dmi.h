#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_dmi_info: what the firmware says of the machine, from class/dmi/id.
Result<std::unique_ptr<Collector>> make_dmi_collector(CollectorContext context);

}  // namespace chiron
