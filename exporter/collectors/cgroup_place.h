#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"

#include <string>
#include <string_view>

namespace chiron {

/// Where a control group's files are. A directory is "" when its controller is nowhere; on a host with both
/// versions side by side, a controller is in one of them.
struct CgroupPlace {
  std::string path;  ///< within the hierarchy: /docker/ID, /system.slice/docker-ID.scope
  std::string cpu;   ///< of v1, one for each controller
  std::string cpuacct;
  std::string memory;
  std::string blkio;
  std::string pids;
  std::string unified;  ///< of v2
};

/// The group of a process, from the text of its cgroup file (cgroups(7)). Of nested groups the outermost
/// whose name holds `id`: what runs inside a container may have made more below. Understands v1, v2 and both
/// side by side. not_found: the process is not in such a group, or the group cannot be seen from here.
Result<CgroupPlace> find_cgroup(const HostPaths& paths, std::string_view cgroup_file, std::string_view id);

}  // namespace chiron
