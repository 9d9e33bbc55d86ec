#pragma once

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace chiron::remediation {

/// One deletion root, held by a descriptor. Everything below it is reached with openat2(2) and
/// RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV: whatever another process renames or links
/// meanwhile, what is opened lies below the root, on the root's mount. Linux 5.6 and later.
class SafeTree {
 public:
  /// `root` as the host names it, absolute and clean. None of its components may be a symbolic link.
  /// not_found when it does not exist; invalid_argument for "/"; failed_precondition when it lies on another
  /// device than `only_on`, whose file system is not asked anything then: it might hang.
  static Result<SafeTree> open(const HostPaths& paths, const std::string& root,
                               std::optional<dev_t> only_on = {});

  /// A directory below, for reading and as the anchor of unlinkat(2). "" is the root itself. Paths longer
  /// than PATH_MAX are taken in pieces. Fails for what is no directory, a link, or on another mount or
  /// subvolume.
  Result<FileDescriptor> open_directory(std::string_view relative) const;

  /// A file in a directory that open_directory gave. Neither waits for a writer of a FIFO nor follows a link.
  static Result<FileDescriptor> open_file(int directory, const std::string& name);

  const std::string& root() const { return root_; }
  dev_t device() const { return device_; }
  /// The host's name for something below.
  std::string absolute(std::string_view relative) const;

 private:
  SafeTree(std::string root, FileDescriptor fd, dev_t device)
      : root_(std::move(root)), fd_(std::move(fd)), device_(device) {}

  std::string root_;
  FileDescriptor fd_;
  dev_t device_;
};

}  // namespace chiron::remediation
