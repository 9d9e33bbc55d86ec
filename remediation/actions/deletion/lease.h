#pragma once

namespace chiron::remediation {

/// Who else has a file open, as the kernel's leases tell (fcntl(2), F_SETLEASE).
enum class FileUse {
  nobody,   ///< neither open nor mapped elsewhere
  reading,  ///< open or mapped for reading: removing it would free nothing until it is closed
  writing,  ///< open for writing, or mapped writable
  unknown,  ///< leases do not work here (file system, CAP_LEASE): to be treated as written to
};

/// Asks with the shortest possible lease: it is given back before this returns. A process that opens the file
/// just then waits for microseconds, or gets EWOULDBLOCK with O_NONBLOCK. `fd` must be read-only and the only
/// descriptor that this process has on the file.
FileUse file_use(int fd);

}  // namespace chiron::remediation
