#include "remediation/actions/deletion/safe_tree.h"

#include "exporter/base/utf8.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr std::uint64_t kBeneath =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
constexpr std::size_t kPiece = 3500;  // of a relative path in one call; PATH_MAX is 4096 with the final NUL
constexpr int kTries = 16;

/// -1 and errno as open(2). EAGAIN means that a rename somewhere made the kernel unsure: asking again is
/// right.
int open_below(int directory, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = resolve;
  long fd = -1;
  for (int i = 0; i < kTries; ++i) {
    fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return static_cast<int>(fd);
}

Error open_error(int errnum, const std::string& path) {
  switch (errnum) {
    case ENOSYS:
      return {ErrorCode::not_supported,
              "deleting safely needs openat2(2): Linux 5.6 or later, allowed by seccomp"};
    case ELOOP:
      return {ErrorCode::failed_precondition, fmt::format("{}: a component is a symbolic link", path)};
    case EXDEV:
      return {ErrorCode::failed_precondition, fmt::format("{}: lies on another mount than its root", path)};
    default:
      return Error::from_errno(errnum, path);
  }
}

/// The device of what an O_PATH descriptor stands for, from what the kernel knows by itself (statx(2),
/// AT_STATX_DONT_SYNC, no field wanted: stx_dev is always there).
std::optional<dev_t> device_of(int fd) {
  struct statx info {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &info) != 0) return {};
  return ::makedev(info.stx_dev_major, info.stx_dev_minor);
}

}  // namespace

Result<SafeTree> SafeTree::open(const HostPaths& paths, const std::string& root,
                                std::optional<dev_t> only_on) {
  if (root == "/" || root.empty() || root.front() != '/') {
    return Error(ErrorCode::invalid_argument, fmt::format("{} cannot be a deletion root", quoted(root)));
  }
  const std::string top = paths.root("/");
  const FileDescriptor anchor(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!anchor) return Error::from_errno(errno, top);
  // Mounts on the way to a root are the administrator's; only below it none is crossed.
  constexpr std::uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  FileDescriptor fd(open_below(anchor.get(), root.substr(1), O_PATH | O_DIRECTORY, kNoLinks));
  if (fd && only_on && device_of(fd.get()) != only_on)
    return Error(ErrorCode::failed_precondition, fmt::format("{} is on another file system", root));
  if (fd) fd = FileDescriptor(open_below(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK, kNoLinks));
  if (!fd && errno == ELOOP) {
    return Error(
        ErrorCode::failed_precondition,
        fmt::format("deletion root {}: a component is a symbolic link; name what it points to", root));
  }
  if (!fd) return open_error(errno, root);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error::from_errno(errno, root);
  return SafeTree(root, std::move(fd), info.st_dev);
}

Result<FileDescriptor> SafeTree::open_directory(std::string_view relative) const {
  const std::string_view whole = relative;
  FileDescriptor held;
  int from = fd_.get();
  do {
    std::size_t end = relative.size();
    if (end > kPiece) {
      end = relative.rfind('/', kPiece);
      if (end == std::string_view::npos || end == 0) return open_error(ENAMETOOLONG, absolute(whole));
    }
    const std::string piece = relative.empty() ? std::string(".") : std::string(relative.substr(0, end));
    FileDescriptor next(open_below(from, piece, O_RDONLY | O_DIRECTORY | O_NONBLOCK, kBeneath));
    if (!next) return open_error(errno, absolute(whole));
    held = std::move(next);
    from = held.get();
    relative.remove_prefix(std::min(end + 1, relative.size()));
  } while (!relative.empty());
  // A Btrfs subvolume is no mount, but another file system to everything that counts blocks.
  struct stat info {};
  if (::fstat(held.get(), &info) != 0) return Error::from_errno(errno, absolute(whole));
  if (info.st_dev != device_) return open_error(EXDEV, absolute(whole));
  return held;
}

Result<FileDescriptor> SafeTree::open_file(int directory, const std::string& name) {
  FileDescriptor fd(open_below(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, kBeneath));
  if (!fd) return open_error(errno, name);
  return fd;
}

std::string SafeTree::absolute(std::string_view relative) const {
  return relative.empty() ? root_ : fmt::format("{}/{}", root_, relative);
}

}  // namespace chiron::remediation
