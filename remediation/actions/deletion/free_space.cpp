#include "remediation/actions/deletion/free_space.h"

#include <algorithm>
#include <cerrno>
#include <cmath>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr Duration kBetweenSyncs = std::chrono::seconds(1);

std::uint64_t share(const Amount& amount, std::uint64_t whole) {
  if (!amount.is_percent) return std::min(amount.bytes, whole);
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(whole) * amount.percent / 100.0));
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

}  // namespace

FreeTarget make_target(const FreeSpace& space, const Amount& bytes, const Amount& inodes) {
  return {.bytes = share(bytes, space.size), .inodes = share(inodes, space.inodes)};
}

Result<FileSystem> FileSystem::open(const HostPaths& paths, const std::string& path) {
  const std::string real = paths.root(path);
  // O_PATH neither waits for anything nor wakes a device; fstatfs(2) takes it since Linux 3.12, syncfs(2)
  // does not.
  FileDescriptor fd(::open(real.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, path);
  if (S_ISDIR(info.st_mode)) {
    FileDescriptor readable(::open(real.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
    struct stat again {};
    if (readable && ::fstat(readable.get(), &again) == 0 && again.st_dev == info.st_dev)
      fd = std::move(readable);
  }
  return FileSystem(path, std::move(fd), info.st_dev);
}

Result<FreeSpace> FileSystem::space() const {
  struct statvfs info {};
  if (::fstatvfs(fd_.get(), &info) != 0) return Error::from_errno(errno, path_);
  const std::uint64_t block = info.f_frsize != 0 ? info.f_frsize : info.f_bsize;
  return FreeSpace{.size = info.f_blocks * block,
                   .free = info.f_bfree * block,
                   .available = info.f_bavail * block,
                   .inodes = info.f_files,
                   .inodes_available = info.f_favail};
}

Result<bool> FileSystem::met(const FreeTarget& target, std::uint64_t bytes, std::uint64_t files,
                             const Clock& clock) {
  Result<FreeSpace> now = space();
  if (!now) return std::move(now).error();
  if (!based_) {
    base_ = *now;
    base_bytes_ = bytes;
    base_files_ = files;
    based_ = true;
  }
  if (target.met_by(*now)) return true;
  const std::uint64_t late_bytes = less(bytes - base_bytes_, less(now->free, base_.free));
  const std::uint64_t late_files =
      less(files - base_files_, less(now->inodes_available, base_.inodes_available));
  FreeSpace promised = *now;
  promised.available += late_bytes;
  promised.inodes_available += late_files;
  if ((late_bytes == 0 && late_files == 0) || !target.met_by(promised)) return false;
  if (clock.boot() - synced_ < kBetweenSyncs) return false;
  ::syncfs(fd_.get());
  synced_ = clock.boot();
  based_ = false;
  return met(target, bytes, files, clock);
}

}  // namespace chiron::remediation
