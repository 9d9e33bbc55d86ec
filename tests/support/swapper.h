#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::testing {

/// Another process that keeps exchanging each pair of names, as fast as it can, until destroyed: the
/// adversary of everything that looks at a path and then uses it.
class Swapper {
 public:
  explicit Swapper(const std::vector<std::pair<std::string, std::string>>& pairs) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      for (const auto& [a, b] : pairs) ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
    }
  }
  ~Swapper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

 private:
  const pid_t pid_;
};

}  // namespace chiron::testing
