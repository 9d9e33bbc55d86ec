#pragma once

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chiron {

/// Where the hierarchies of control groups are mounted; "" where none is. With cgroup v1 each controller has
/// its own, and one of them or "unified" beside them may be v2 (cgroups(7)).
struct CgroupMounts {
  std::string unified, cpuacct, memory, blkio, pids;
};
CgroupMounts find_cgroup_mounts(const HostPaths& paths);

/// What the processes of a control group used. Absent: the kernel does not count it for this group.
struct GroupUsage {
  std::optional<double> user_seconds, system_seconds;
  std::optional<double> memory_bytes;
  struct Io {
    double read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
  };
  std::optional<Io> io;  ///< of all block devices
  std::optional<double> tasks;
};

/// How many descriptors may be kept, shared by all groups: a quarter of the process' limit. Groups past it
/// are opened for each reading.
class DescriptorBudget {
 public:
  DescriptorBudget();
  explicit DescriptorBudget(std::size_t descriptors) : left_(descriptors) {}
  bool take();
  void give_back() { ++left_; }

 private:
  std::size_t left_;
};

/// The accounting files of one control group, through kept descriptors: v2 cpu.stat, memory.current, io.stat,
/// pids.current (kernel document cgroup-v2.rst); v1 cpuacct.stat, memory.usage_in_bytes,
/// blkio.throttle.{io_service_bytes,io_serviced}_recursive, pids.current (kernel documents cgroup-v1/). Where
/// v1 has the controller, v1's count is the one that counts. `budget` outlives the object.
class UnitCgroup {
 public:
  /// `group` as systemd names it: /system.slice/nginx.service.
  UnitCgroup(const CgroupMounts& mounts, std::string group, DescriptorBudget& budget);
  const std::string& group() const { return group_; }
  /// Nothing in it when the group is gone.
  GroupUsage read();

 private:
  class Source;
  struct SourceDeleter {
    void operator()(Source* source) const;
  };
  using SourcePtr = std::unique_ptr<Source, SourceDeleter>;
  static SourcePtr open(const std::string& mount, const std::string& group, const char* file,
                        DescriptorBudget& budget);

  const std::string group_;
  SourcePtr cpu_, memory_, io_, io_operations_, tasks_;
  bool cpu_unified_ = false;
  bool io_unified_ = false;
};

}  // namespace chiron
