#pragma once

#include "exporter/collectors/collector.h"
#include "exporter/series/labels.h"

#include <memory>
#include <optional>

namespace chiron {

/// netclass by one question over rtnetlink(7) instead of some twenty files for each device. What rtnetlink
/// does not tell is read from sysfs when anything about the devices changed, in the pass after that, and once
/// a minute. `files` is the same collector by sysfs alone: it is used for a pass in which the kernel does not
/// answer, and for good where sysfs shows the devices of another network namespace than this process's.
std::unique_ptr<Collector> make_netclass_links(const CollectorContext& context,
                                               std::optional<Pattern> ignored,
                                               std::unique_ptr<Collector> files);

}  // namespace chiron
