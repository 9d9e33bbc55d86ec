#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// process_*: this process itself, under the names that Prometheus' client libraries give. Always the running
/// kernel's, whatever --path.procfs is.
Result<std::unique_ptr<Collector>> make_self_collector(CollectorContext context);

}  // namespace chiron
