#include "agent/state_dir.h"

#include "exporter/base/parse.h"

#include <cerrno>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

std::string way_out(int errnum) {
  switch (errnum) {
    case ENOSPC:
    case EDQUOT:
      return "its file system is full: free some space, or choose another with --storage.path, such as "
             "/run/chiron, which lasts until the next boot";
    case EROFS:
      return "its file system is read-only: choose another with --storage.path";
    default:
      return "run as root or as the user it belongs to, or choose another directory with --storage.path";
  }
}

Error failure(int errnum, const std::string& what, const std::string& path) {
  return Error::from_errno(errnum, path).wrap("cannot " + what + " (" + way_out(errnum) + ')');
}

Status make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (::mkdir(parent.c_str(), 0755) == 0 || errno == EEXIST) continue;
    const int why = errno;
    if (::access(parent.c_str(), F_OK) != 0) return failure(why, "make the state directory " + path, parent);
  }
  if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return {};
  return failure(errno, "make the state directory", path);
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

void share_with(gid_t group, const std::string& path) {
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat found {};
  if (!directory || ::fstat(directory.get(), &found) != 0) return;
  const uid_t same = static_cast<uid_t>(-1);
  if (found.st_gid != group && ::fchown(directory.get(), same, group) != 0) return;
  // The set-group-id bit: files made here later belong to the group too.
  ::fchmod(directory.get(), (found.st_mode & 07777) | S_ISGID | S_IRGRP | S_IXGRP);
  const auto names = list_directory(path);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    struct stat file {};
    if (::fstatat(directory.get(), name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(file.st_mode) || file.st_gid == group) continue;
    if (::fchownat(directory.get(), name.c_str(), same, group, AT_SYMLINK_NOFOLLOW) != 0) return;
  }
}

}  // namespace

Result<StateDir> StateDir::open(const std::string& given, std::optional<gid_t> group) {
  if (Status made = make_directories(given); !made.ok()) return std::move(made).error();
  const std::string path = real_path(given);
  const std::string lock_path = path + "/lock";
  FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock) {
    return failure(errno, "use the state directory", lock_path);
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = read_file(lock_path, 64);
    const std::string pid(holder.ok() ? trim(*holder) : std::string_view());
    return Error(ErrorCode::failed_precondition,
                 "another agent" + (pid.empty() ? std::string() : " (process " + pid + ")") + " is using " +
                     path + "; stop it, or give this one a --storage.path of its own");
  }
  // For the message above only; on a full disk the lock holds without it.
  const std::string pid = std::to_string(::getpid()) + '\n';
  static_cast<void>(::ftruncate(lock.get(), 0) == 0 && ::pwrite(lock.get(), pid.data(), pid.size(), 0) > 0);
  if (group) share_with(*group, path);
  return StateDir(path, std::move(lock));
}

}  // namespace chiron::agent
