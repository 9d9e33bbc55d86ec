#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_uname_info: uname(2); for another host's files (a captured tree), its sys/kernel.
Result<std::unique_ptr<Collector>> make_uname_collector(CollectorContext context);

}  // namespace chiron
