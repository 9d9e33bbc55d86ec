#pragma once

#include "exporter/collectors/collector.h"
#include "exporter/collectors/problems.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

/// The assignments of an os-release(5) file, quotes and backslashes undone as a shell would.
std::vector<std::pair<std::string, std::string>> parse_os_release(std::string_view text,
                                                                  std::string_view file, Problems& problems);
/// "12", "12.04.1" -> 12.04: what of a version reads as a number. Nothing when it does not begin with a
/// digit.
std::optional<double> version_number(std::string_view version);

/// node_os_info and node_os_version from /etc/os-release, else /usr/lib/os-release, below --path.rootfs.
Result<std::unique_ptr<Collector>> make_os_collector(CollectorContext context);

}  // namespace chiron
