#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_entropy_*: the random number generator's pool, from sys/kernel/random (random(4)).
Result<std::unique_ptr<Collector>> make_entropy_collector(CollectorContext context);

}  // namespace chiron
