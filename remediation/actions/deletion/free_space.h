#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/file.h"
#include "exporter/base/result.h"
#include "remediation/actions/action.h"

#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

namespace chiron::remediation {

/// statvfs(3) in bytes and inodes. What is available is what processes without privileges may use, as df(1)
/// and node_filesystem_avail_bytes have it. File systems that make inodes as they need them have `inodes` 0.
struct FreeSpace {
  std::uint64_t size = 0, free = 0, available = 0;
  std::uint64_t inodes = 0, inodes_available = 0;
};

/// How much must be available; 0 asks nothing.
struct FreeTarget {
  std::uint64_t bytes = 0, inodes = 0;
  bool met_by(const FreeSpace& space) const {
    return space.available >= bytes && space.inodes_available >= inodes;
  }
};
FreeTarget make_target(const FreeSpace& space, const Amount& bytes, const Amount& inodes);

/// The file system that holds a path, kept by a descriptor: a mount on top later changes nothing. One that
/// does not answer is waited for as long as the step of `context` may take, and no longer: timed_out,
/// cancelled.
class FileSystem {
 public:
  /// `path` as the host names it; also a file.
  static Result<FileSystem> open(const ActionContext& context, const std::string& path);
  Result<FreeSpace> space(const ActionContext& context) const;
  dev_t device() const { return device_; }

  /// Tells the truth about `target` after files of `bytes` and `files` in all have been removed. Some file
  /// systems (Btrfs, XFS) show freed space late; before that is taken for not enough, they are told to finish
  /// (syncfs(2)), at most once a second.
  Result<bool> met(const FreeTarget& target, std::uint64_t bytes, std::uint64_t files,
                   const ActionContext& context);

 private:
  FileSystem(std::string path, FileDescriptor fd, dev_t device)
      : path_(std::move(path)), fd_(std::make_shared<FileDescriptor>(std::move(fd))), device_(device) {}

  std::string path_;
  std::shared_ptr<const FileDescriptor> fd_;  ///< held by a question that hangs, too
  dev_t device_;
  bool based_ = false;  // what it showed, and what had been removed, when that was last known to agree
  FreeSpace base_;
  std::uint64_t base_bytes_ = 0, base_files_ = 0;
  BootTime synced_{};
};

}  // namespace chiron::remediation
