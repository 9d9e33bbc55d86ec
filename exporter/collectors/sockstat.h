#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_sockstat_PROTOCOL_FIGURE: sockets in use and the memory they take, from net/sockstat and
/// net/sockstat6 (proc_pid_net(5)).
Result<std::unique_ptr<Collector>> make_sockstat_collector(CollectorContext context);

}  // namespace chiron
