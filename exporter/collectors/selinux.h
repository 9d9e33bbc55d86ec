#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_selinux_*: whether SELinux is there and enforces, from fs/selinux and etc/selinux/config.
Result<std::unique_ptr<Collector>> make_selinux_collector(CollectorContext context);

}  // namespace chiron
