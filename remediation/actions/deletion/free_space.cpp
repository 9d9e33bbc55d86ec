#include "remediation/actions/deletion/free_space.h"

#include "remediation/actions/deletion/bounded.h"

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

struct Opened {
  FileDescriptor fd;
  dev_t device = 0;
};

Result<Opened> open_path(const std::string& path, const std::string& real) {
  // O_PATH wakes no device; fstatfs(2) takes it since Linux 3.12, syncfs(2) does not.
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
  return Opened{std::move(fd), info.st_dev};
}

}  // namespace

FreeTarget make_target(const FreeSpace& space, const Amount& bytes, const Amount& inodes) {
  return {.bytes = share(bytes, space.size), .inodes = share(inodes, space.inodes)};
}

Result<FileSystem> FileSystem::open(const ActionContext& context, const std::string& path) {
  Result<Opened> opened = ask_file_system<Opened>(
      context, path, [path, real = context.paths.root(path)] { return open_path(path, real); });
  if (!opened) return std::move(opened).error();
  return FileSystem(path, std::move(opened->fd), opened->device);
}

Result<FreeSpace> FileSystem::space(const ActionContext& context) const {
  return ask_file_system<FreeSpace>(context, path_, [path = path_, fd = fd_]() -> Result<FreeSpace> {
    struct statvfs info {};
    if (::fstatvfs(fd->get(), &info) != 0) return Error::from_errno(errno, path);
    const std::uint64_t block = info.f_frsize != 0 ? info.f_frsize : info.f_bsize;
    return FreeSpace{.size = info.f_blocks * block,
                     .free = info.f_bfree * block,
                     .available = info.f_bavail * block,
                     .inodes = info.f_files,
                     .inodes_available = info.f_favail};
  });
}

Result<bool> FileSystem::met(const FreeTarget& target, std::uint64_t bytes, std::uint64_t files,
                             const ActionContext& context) {
  Result<FreeSpace> now = space(context);
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
  if (context.clock.boot() - synced_ < kBetweenSyncs) return false;
  const Result<bool> synced = ask_file_system<bool>(
      context, path_, [fd = fd_]() -> Result<bool> { return ::syncfs(fd->get()) == 0; });
  if (!synced) return synced.error();
  synced_ = context.clock.boot();
  based_ = false;
  return met(target, bytes, files, context);
}

}  // namespace chiron::remediation
