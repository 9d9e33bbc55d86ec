#pragma once

#include "exporter/base/file.h"
#include "exporter/collectors/cgroup_place.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chiron {

/// What a control group read from and wrote to a block device.
struct BlockUsage {
  std::string device;  ///< MAJOR:MINOR
  double read_bytes = 0;
  double reads = 0;
  double written_bytes = 0;
  double writes = 0;
};

/// What a control group used. Absent: the file is not there, its controller is not enabled, there is no
/// limit.
struct CgroupUsage {
  using Value = std::optional<double>;
  Value cpu_seconds, cpu_user_seconds, cpu_system_seconds;
  Value periods, throttled_periods, throttled_seconds;  ///< of the CPU quota
  Value cpu_quota, cpu_period;                          ///< in microseconds
  Value cpu_shares;                                     ///< v2 weights turned into shares, 2 to 262144
  Value memory_bytes, memory_max_bytes, anonymous_bytes, cache_bytes, swap_bytes, inactive_file_bytes;
  Value memory_limit_bytes, memory_limit_hits, oom_kills;
  Value threads, threads_limit;
  Value processes;  ///< in the group itself, not in groups below
  std::vector<BlockUsage> devices;

  /// memory_bytes without inactive file pages, as cAdvisor counts.
  Value working_set_bytes() const;
};

/// Reads a control group's files through kept descriptors. Kernel documents cgroup-v1/{cpuacct,memory,
/// blkio-controller,pids}.rst, scheduler/sched-bwc.rst and cgroup-v2.rst. Not thread-safe.
class CgroupReader {
 public:
  /// Descriptors that one holds at most.
  static constexpr std::size_t kMostDescriptors = 12;

  explicit CgroupReader(const CgroupPlace& place);

  enum class Scope {
    usage,   ///< what changes by itself; limits are those read before
    limits,  ///< all, also files that were not there before
  };
  /// `keep`: leave the files open for the next time. not_found when the group is gone. The reference is valid
  /// until the next call.
  Result<const CgroupUsage*> read(Scope scope, bool keep);

 private:
  struct Source;
  struct Entry {
    const Source* source;
    KernelFile file;
    bool absent = false;
  };
  static const Source kCpuV1[], kCpuacctV1[], kMemoryV1[], kBlkioV1[], kPidsV1[];
  static const Source kCpuV2[], kMemoryV2[], kIoV2[], kPidsV2[];
  template <std::size_t N>
  void add(const std::string& directory, const Source (&sources)[N]);

  std::string path_;
  std::vector<Entry> entries_;
  CgroupUsage usage_;
};

}  // namespace chiron
