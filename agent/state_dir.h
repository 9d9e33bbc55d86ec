#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <memory>
#include <string>

namespace chiron::agent {

/// The state directory, made (0750) when absent and locked with flock(2) for as long as this object lives:
/// two agents on one ledger would both act.
class StateDir {
 public:
  /// ErrorCode::failed_precondition names the process that holds the lock.
  static Result<StateDir> open(const std::string& path);
  const std::string& path() const { return path_; }

 private:
  StateDir(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  FileDescriptor lock_;
};

}  // namespace chiron::agent
