#include "agent/state_dir.h"

#include "exporter/base/parse.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

Status make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    ::mkdir(path.substr(0, slash).c_str(), 0755);
  }
  if (::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return {};
  return Error::from_errno(errno, "cannot make the state directory " + path);
}

}  // namespace

Result<StateDir> StateDir::open(const std::string& path) {
  if (Status made = make_directories(path); !made.ok()) {
    return std::move(made).error().wrap("choose another with --storage.path");
  }
  const std::string lock_path = path + "/lock";
  FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock) return Error::from_errno(errno, "cannot open " + lock_path);
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
  return StateDir(path, std::move(lock));
}

}  // namespace chiron::agent
