#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <optional>
#include <string>

#include <sys/types.h>

namespace chiron::agent {

/// The state directory, made (0750) when absent and locked with flock(2) for as long as this object lives:
/// two agents on one ledger would both act.
class StateDir {
 public:
  /// With a group, the directory and what lies in it belong to that group, and so does what will be made
  /// there: its members reach the control socket and read the ledger. Where that is not permitted all stays
  /// as it was. ErrorCode::failed_precondition names the process that holds the lock.
  static Result<StateDir> open(const std::string& path, std::optional<gid_t> group = std::nullopt);
  /// Absolute, without symbolic links: what deletion is kept out of.
  const std::string& path() const { return path_; }

 private:
  StateDir(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  FileDescriptor lock_;
};

}  // namespace chiron::agent
