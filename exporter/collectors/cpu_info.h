#pragma once

#include "exporter/collectors/problems.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// One processor of /proc/cpuinfo. Fields that an architecture does not have are empty.
struct CpuInfo {
  std::string processor, vendor, family, model, model_name, stepping, microcode, cache_size, package, core;
  std::string flags, bugs;  ///< words separated by blanks
};

std::vector<CpuInfo> parse_cpuinfo(std::string_view text, std::string_view file, Problems& problems);

/// A list of CPUs as sysfs writes it, "0-2,5" -> 0 1 2 5 (kernel: Documentation/admin-guide/cputopology.rst).
/// Nothing when it does not follow that form. Empty text is an empty list.
bool parse_cpu_list(std::string_view text, std::vector<unsigned>& out);

}  // namespace chiron
