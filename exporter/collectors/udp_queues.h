#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_udp_queues{queue,ip}: what waits in the queues of all UDP sockets, from net/udp and net/udp6.
Result<std::unique_ptr<Collector>> make_udp_queues_collector(CollectorContext context);

}  // namespace chiron
