#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/stat.h>

namespace chiron::remediation {

/// A file in the making, beside the one it is to stand beside: under a hidden name of its own until
/// publish(), gone when that is not reached. A left-over of a crash under that name is taken away first; one
/// that another process works on is ErrorCode::unavailable.
class NewFile {
 public:
  /// With `like`'s owner, mode, POSIX ACL and SELinux label, all or an error.
  static Result<NewFile> make(int directory, const std::string& name, int like);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int fd() const { return fd_.get(); }
  /// On disk, with `like`'s mtime when given, then there under its name, which must be free (otherwise
  /// failed_precondition), and that on disk too.
  Status publish(const struct stat* like);

 private:
  NewFile(int directory, std::string name, std::string temporary, FileDescriptor fd)
      : directory_(directory), name_(std::move(name)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  int directory_;
  std::string name_, temporary_;
  FileDescriptor fd_;
  bool made_ = true;
};

/// Appends bytes [from, to) of `in` to `out` as one gzip member (RFC 1952), in pieces; members one after the
/// other read as one file. exhausted when that would take the last of the space that ordinary users have;
/// cancelled when `should_stop` says so.
Status append_gzip(int in, off_t from, off_t to, int out, const std::function<bool()>& should_stop);

/// How many bytes `gzipped` unpacks to, when it is whole and they are what `plain` begins with.
std::optional<std::uint64_t> unpacks_to_beginning_of(int gzipped, int plain,
                                                     const std::function<bool()>& should_stop);

}  // namespace chiron::remediation
