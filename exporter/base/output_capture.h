#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"

#include <cstddef>
#include <string>

namespace chiron {

/// One output of a program: read as it comes, kept up to a limit, the rest dropped. For the adapters in this
/// folder. One thread.
class OutputCapture {
 public:
  explicit OutputCapture(std::size_t limit) : limit_(limit) {}

  /// Makes the pipe; the end for the program, above 2.
  Result<FileDescriptor> open_pipe();
  /// Reads from a descriptor that does not block.
  void read_from(FileDescriptor fd) { fd_ = std::move(fd); }

  /// Reads what is there, but not for ever: a flood must not keep a deadline from being seen.
  void drain();

  bool open_still() const { return static_cast<bool>(fd_); }
  /// To poll for reading; -1 at the end of the output.
  int descriptor() const { return fd_.get(); }
  bool truncated() const { return truncated_; }
  std::string take() { return std::move(text_); }

 private:
  const std::size_t limit_;
  FileDescriptor fd_;
  std::string text_;
  bool truncated_ = false;
};

}  // namespace chiron
