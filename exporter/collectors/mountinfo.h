#pragma once

#include "exporter/collectors/problems.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// /proc/PID/mountinfo, or /proc/PID/mounts, which has no device numbers (proc(5)).
enum class MountTable { mountinfo, mounts };

/// One line of a mount table, escapes undone.
struct Mount {
  std::string device;  ///< the mount source: /dev/sda1, server:/export, tmpfs
  std::string mountpoint;
  std::string fstype;
  std::string major, minor;  ///< empty when the table has none
  bool read_only = false;  ///< of this mount, or of the file system below it
  bool in_memory = false;  ///< the kernel has its usage at hand, whatever becomes of the device
};

/// All mounts that can be reached by their path: of several on one mount point, the newest hides the others.
/// Order as in `text`. A bad line is a problem, and left out.
std::vector<Mount> parse_mounts(MountTable table, std::string_view text, std::string_view file,
                                Problems& problems);

/// Leaves `in_memory` to the mounts that nothing can keep waiting: on the way to one lie only others like it.
void exclude_slow_ways(std::vector<Mount>& mounts);

/// Undoes the octal escapes \040 \011 \012 \134 that the kernel writes for blanks and backslashes in paths.
std::string unescape_mount_path(std::string_view escaped);

}  // namespace chiron
