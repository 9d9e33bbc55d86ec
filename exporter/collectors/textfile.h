#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kTextfileOptions[] = {
    {.name = "directory",
     .default_value = "",
     .help = "Directory whose *.prom files are served; may be a glob, may be given several times",
     .repeatable = true},
};

/// Metrics that other programs leave in files, in Prometheus' text format. A file that is bad, larger than 1
/// MiB or gone is left out and sets node_textfile_scrape_error; the others are served. Files are read again
/// when they changed.
Result<std::unique_ptr<Collector>> make_textfile_collector(CollectorContext context);

}  // namespace chiron
