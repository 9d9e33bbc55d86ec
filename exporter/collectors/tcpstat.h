#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_tcp_connection_states: TCP sockets by state, and the bytes in their queues under the states
/// rx_queued_bytes and tx_queued_bytes. Asks the running kernel directly; under other roots, and where it
/// does not answer, reads net/tcp and net/tcp6.
Result<std::unique_ptr<Collector>> make_tcpstat_collector(CollectorContext context);

}  // namespace chiron
