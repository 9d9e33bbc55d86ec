#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// Where a control group's files are; a directory is "" when its controller is nowhere.
struct CgroupPlace {
  std::string path;      ///< within the hierarchy: /docker/ID, /system.slice/docker-ID.scope
  bool unified = false;  ///< cgroup v2
  std::string cpu_directory;
  std::string memory_directory;
};

/// What a control group used. Absent: the file is not there, its controller is not enabled.
struct CgroupUsage {
  std::optional<double> cpu_seconds;
  std::optional<double> memory_bytes;
  std::optional<double> working_set_bytes;   ///< memory_bytes without inactive file pages, as cAdvisor counts
  std::optional<double> memory_limit_bytes;  ///< 0: no limit
};

/// The group of a process, from its cgroup file (cgroups(7)). Of nested groups the outermost whose name holds
/// `id`: what runs inside a container may have made more below. Understands v1, v2 and both side by side.
/// not_found: the process is gone, or not in such a group.
Result<CgroupPlace> find_cgroup(const HostPaths& paths, std::int64_t pid, std::string_view id);

/// Reads the files: v1 cpuacct.usage, memory.{usage_in_bytes,limit_in_bytes,stat}; v2 cpu.stat,
/// memory.{current,max,stat} (kernel documents cgroup-v1/{cpuacct,memory}.rst and cgroup-v2.rst).
/// not_found when the group is gone.
Result<CgroupUsage> read_cgroup_usage(const CgroupPlace& place);

}  // namespace chiron
