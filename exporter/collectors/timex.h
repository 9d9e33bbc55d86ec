#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

struct timex;

namespace chiron {

/// adjtimex(2), or what stands in for it: the state of the clock, or -1 and errno.
using ReadClock = int (*)(::timex*);

/// node_timex_*: how well the kernel's clock is disciplined (adjtimex(2)). Nothing to report where a sandbox
/// forbids the question.
Result<std::unique_ptr<Collector>> make_timex_collector(CollectorContext context);
Result<std::unique_ptr<Collector>> make_timex_collector(CollectorContext context, ReadClock read);

}  // namespace chiron
