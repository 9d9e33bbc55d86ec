#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_nf_conntrack_*: connections that netfilter tracks, and what became of packets (net/netfilter/
/// nf_conntrack_standalone.c). Nothing to report while its module is not loaded.
Result<std::unique_ptr<Collector>> make_conntrack_collector(CollectorContext context);

}  // namespace chiron
