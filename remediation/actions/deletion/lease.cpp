#include "remediation/actions/deletion/lease.h"

#include <cerrno>

#include <fcntl.h>
#include <signal.h>

namespace chiron::remediation {
namespace {

bool try_lease(int fd, int type) {
  if (::fcntl(fd, F_SETLEASE, type) != 0) return false;
  ::fcntl(fd, F_SETLEASE, F_UNLCK);
  return true;
}

}  // namespace

FileUse file_use(int fd) {
  // Who breaks the lease makes the kernel signal its holder. The default is SIGIO, which ends the process;
  // SIGURG is ignored by default.
  if (::fcntl(fd, F_SETSIG, SIGURG) != 0) return FileUse::unknown;
  if (try_lease(fd, F_WRLCK)) return FileUse::nobody;
  if (errno != EAGAIN) return FileUse::unknown;
  if (try_lease(fd, F_RDLCK)) return FileUse::reading;
  return errno == EAGAIN ? FileUse::writing : FileUse::unknown;
}

}  // namespace chiron::remediation
