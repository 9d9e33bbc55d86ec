#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/cpu_info.h"
#include "exporter/collectors/problems.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"
#include "exporter/series/labels.h"

#include <optional>
#include <vector>

namespace chiron {

/// What of the CPUs changes only with the number of CPUs: node_cpu_isolated and, with the option info,
/// node_cpu_info, node_cpu_flag_info, node_cpu_bug_info.
class CpuStatic {
 public:
  struct Options {
    bool info = false;
    std::optional<Pattern> flags, bugs;
  };
  CpuStatic(const HostPaths& paths, Catalogue& catalogue, Options options);
  /// Reads everything again; entries() holds the result.
  void refresh(Problems& problems);
  std::span<const FrameEntry> entries() const { return entries_; }

 private:
  void add_info(const CpuInfo& cpu);
  void add_words(std::string_view words, const std::optional<Pattern>& wanted, FamilyId family,
                 std::string_view label);

  const HostPaths& paths_;
  Catalogue& catalogue_;
  const Options options_;
  const FamilyId isolated_;
  FamilyId info_{}, flag_{}, bug_{};
  std::vector<FrameEntry> entries_;
};

/// node_cpu_core_throttles_total{package,core} and node_cpu_package_throttles_total{package} from
/// devices/system/cpu/cpuN/thermal_throttle, which only some x86 machines have.
class CpuThrottles {
 public:
  CpuThrottles(const HostPaths& paths, Catalogue& catalogue);
  /// Finds the cores anew.
  void refresh();
  void collect(Frame& frame, Problems& problems);

 private:
  struct Counter {
    std::string path;
    SeriesId series;
  };

  const HostPaths& paths_;
  Catalogue& catalogue_;
  const FamilyId core_, package_;
  std::vector<Counter> counters_;
};

}  // namespace chiron
