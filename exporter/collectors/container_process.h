#pragma once

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "exporter/collectors/cgroup_place.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace chiron {

/// The main process of a container, by a kept descriptor of its directory in procfs: that names this very
/// process, and nothing any more once it ended, whoever gets its number then. Not thread-safe.
class ContainerProcess {
 public:
  /// The process with that number, if it is in a control group of the container `id`. not_found when it
  /// ended, unavailable when it is another's or its group cannot be seen from here.
  static Result<ContainerProcess> open(const HostPaths& paths, std::int64_t pid, std::string_view id);

  const CgroupPlace& group() const { return group_; }
  /// The text of net/dev in its network namespace, valid until the next call. Opened anew each time: an open
  /// one would keep the namespace and its devices when the container has gone. not_found when it ended.
  Result<std::string_view> network();

 private:
  ContainerProcess(FileDescriptor directory, CgroupPlace group)
      : directory_(std::move(directory)), group_(std::move(group)) {}

  FileDescriptor directory_;
  CgroupPlace group_;
  std::vector<char> text_;
};

}  // namespace chiron
