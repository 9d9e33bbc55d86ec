#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// node_filefd_*: open file descriptors of the whole system, from sys/fs/file-nr (proc_sys_fs(5)).
Result<std::unique_ptr<Collector>> make_filefd_collector(CollectorContext context);

}  // namespace chiron
