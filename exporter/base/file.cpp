#include "exporter/base/file.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace chiron {
namespace {

// Hundreds of these are open at once and most hold a few bytes, so buffers begin small and stay as large as
// they had to become. Never start with much: for /proc/sys the kernel allocates what was asked for (100 us at
// 1 MiB).
constexpr std::size_t kFirstBuffer = 1 << 10;

ssize_t pread_again(int fd, char* to, std::size_t size, std::size_t offset) {
  ssize_t count = 0;
  do {
    count = ::pread(fd, to, size, static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  return count;
}

Error too_large(const std::string& path, std::size_t limit) {
  return {ErrorCode::exhausted, fmt::format("{}: larger than the {} bytes that are read of it", path, limit)};
}

// What a vanished device, interface, cgroup or process answers on a descriptor that was opened before.
bool went_away(int errnum) {
  return errnum == ENODEV || errnum == ENOENT || errnum == ESTALE || errnum == ESRCH;
}

// One more byte than allowed is asked for, to tell "full" from "too large".
void grow(std::vector<char>& buffer, std::size_t limit) {
  const std::size_t wanted = std::max(kFirstBuffer, buffer.size() * 2);
  buffer.resize(std::min(wanted, limit + 1));
}

/// Whether an answer of `count` bytes that was not all of what was asked for is the last one.
bool is_end(KernelFile::Records records, std::size_t count) {
  constexpr std::size_t kSmallestPage = 4096, kBrief = 512;
  return records == KernelFile::Records::one ||
         (records == KernelFile::Records::brief && count + kBrief <= kSmallestPage);
}

// Reads to the end of the file. The number of bytes, or the negated errno.
ssize_t read_to_end(int fd, KernelFile::Records records, std::vector<char>& buffer, std::size_t limit) {
  std::size_t used = 0;
  while (used <= limit) {
    if (used == buffer.size()) grow(buffer, limit);
    const ssize_t count = pread_again(fd, buffer.data() + used, buffer.size() - used, used);
    if (count < 0) return -errno;
    used += static_cast<std::size_t>(count);
    if (count == 0 || (used < buffer.size() && is_end(records, static_cast<std::size_t>(count)))) break;
  }
  return static_cast<ssize_t>(used);
}

/// null(4), by which people say that a file of configuration is empty.
bool is_null_device(const struct stat& facts) {
  return S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3);
}

/// Of FIFOs and devices, some would never answer and some act on being read.
Result<FileDescriptor> open_regular(const std::string& path, struct stat& facts) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not hang; kernel files and regular files do not
  // care.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd || ::fstat(fd.get(), &facts) != 0) return Error::from_errno(errno, path);
  if (!S_ISREG(facts.st_mode) && !is_null_device(facts)) {
    return Error(
        ErrorCode::failed_precondition,
        path + (S_ISDIR(facts.st_mode) ? ": is a directory, not a file" : ": is not a regular file"));
  }
  return fd;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return Error::from_errno(errno, path);
  return {};
}

}  // namespace

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0 && fd_ != fd) ::close(fd_);
  fd_ = fd;
}

KernelFile::KernelFile(std::string path, Records records, std::size_t limit)
    : path_(std::move(path)), records_(records), limit_(limit) {}

Status KernelFile::open() {
  struct stat facts {};
  Result<FileDescriptor> fd = open_regular(path_, facts);
  if (!fd) return std::move(fd).error();
  fd_ = std::move(*fd);
  return {};
}

Result<std::string_view> KernelFile::read() {
  const bool kept = static_cast<bool>(fd_);
  if (!kept) {
    if (Status opened = open(); !opened) return std::move(opened).error();
  }
  ssize_t size = read_to_end(fd_.get(), records_, buffer_, limit_);
  if (size < 0 && kept && went_away(static_cast<int>(-size))) {
    if (Status opened = open(); !opened) return std::move(opened).error();
    size = read_to_end(fd_.get(), records_, buffer_, limit_);
  }
  if (size < 0) {
    fd_.reset();
    return Error::from_errno(static_cast<int>(-size), path_);
  }
  if (static_cast<std::size_t>(size) > limit_) return too_large(path_, limit_);
  return std::string_view(buffer_.data(), static_cast<std::size_t>(size));
}

bool KernelFile::may_have_changed() const {
  if (!fd_) return true;
  // Files that cannot tell are always ready to be written, which a mount table never is.
  pollfd entry{fd_.get(), POLLPRI | POLLOUT, 0};
  return ::poll(&entry, 1, 0) != 0;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  struct stat facts {};
  const Result<FileDescriptor> fd = open_regular(path, facts);
  if (!fd) return fd.error();
  const auto size = static_cast<std::size_t>(std::max<off_t>(facts.st_size, 0));
  // sysfs says 4096 whatever the size, procfs says 0: only a hint.
  std::vector<char> buffer(std::min(size, limit) + 1);
  const ssize_t used = read_to_end(fd->get(), KernelFile::Records::many, buffer, limit);
  if (used < 0) return Error::from_errno(static_cast<int>(-used), path);
  if (static_cast<std::size_t>(used) > limit) return too_large(path, limit);
  return std::string(buffer.data(), static_cast<std::size_t>(used));
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return Error::from_errno(errno, path);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Error::from_errno(errno, path);
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, path);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  FileDescriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, path);
  Status status = write_all(fd.get(), content, path);
  if (status && ::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) status = Error::from_errno(errno, path);
  if (status && ::fsync(fd.get()) != 0) status = Error::from_errno(errno, path);
  fd.reset();
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0) status = Error::from_errno(errno, path);
  if (!status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_directory(directory_of(path));
}

}  // namespace chiron
