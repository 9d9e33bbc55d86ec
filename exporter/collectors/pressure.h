#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_pressure_*: pressure stall information (kernel: Documentation/accounting/psi.rst). Nothing to report
/// on a kernel without it, or booted with psi=0.
Result<std::unique_ptr<Collector>> make_pressure_collector(CollectorContext context);

}  // namespace chiron
