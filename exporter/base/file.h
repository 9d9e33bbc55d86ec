#pragma once

#include "exporter/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

/// Owns a file descriptor. -1 is none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

/// A small kernel file that is read again and again through one kept descriptor with pread(2), which costs a
/// quarter of open, read and close. Opens on first use, opens again when the file went away (ENODEV, ENOENT,
/// ESTALE). The buffer grows to what the file needs and stays; the view is valid until the next read. Not
/// thread-safe.
class KernelFile {
 public:
  /// How the kernel makes the text (Documentation/filesystems/seq_file.rst). A file of many records (the
  /// lines of diskstats, of mountinfo) may answer any read with less than was asked for, and only 0 tells the
  /// end. One made as a single record (single_open(): stat, meminfo, loadavg, pressure; every sysfs
  /// attribute) comes whole when the buffer has room for it, so that a short answer is the end and saves a
  /// second read. So it is with brief records, of less than 512 bytes each: the kernel collects them in a
  /// page at least, and only stops at one that no longer fits (seq_read_iter() of fs/seq_file.c).
  enum class Records { many, brief, one };

  explicit KernelFile(std::string path, Records records = Records::many, std::size_t limit = 16 << 20);
  /// The whole content. More than `limit` bytes is ErrorCode::exhausted.
  Result<std::string_view> read();
  /// Whether the content may be another than when this was last asked. The kernel tells so for mount tables
  /// (proc_pid_mountinfo(5): POLLERR and POLLPRI when a mount came, went or changed); of any other file, and
  /// of one that is not open, true.
  bool may_have_changed() const;
  const std::string& path() const { return path_; }

 private:
  Status open();
  std::string path_;
  Records records_;
  std::size_t limit_;
  FileDescriptor fd_;
  std::vector<char> buffer_;
};

/// The whole of a file, opened for this once. Regular files and kernel files, nothing that could block
/// (FIFOs, devices); more than `limit` bytes is ErrorCode::exhausted.
Result<std::string> read_file(const std::string& path, std::size_t limit = 16 << 20);
/// Names in a directory, without . and .., sorted.
Result<std::vector<std::string>> list_directory(const std::string& path);
/// Whether there is something of that name, a link that leads somewhere included (access(2), F_OK).
bool exists(const std::string& path);
/// Writes all of it, with as many write(2) as it takes; `path` is for the message.
Status write_all(int fd, std::string_view content, const std::string& path);
/// Writes to a temporary name beside it, fsync, rename(2), fsync of the directory.
Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode = 0644);

}  // namespace chiron
