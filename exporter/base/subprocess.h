#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace chiron {

struct Command {
  std::vector<std::string> argv;  ///< argv[0] is an absolute path; never given to a shell
  std::vector<std::pair<std::string, std::string>> environment;  ///< all of it; nothing is inherited
  std::string directory = "/";
  Duration timeout = std::chrono::seconds(60);
  Duration grace = std::chrono::seconds(5);  ///< between SIGTERM and SIGKILL to the group
  /// The same after a cancellation, when shorter: the agent itself stops within 2 s.
  Duration cancel_grace = std::chrono::milliseconds(700);
  std::size_t output_limit =
      64 << 10;  ///< bytes kept of stdout and of stderr each; the rest is read and dropped
};

struct CommandOutcome {
  int exit_code = 0;  ///< of a normal exit
  int signal = 0;     ///< that ended it, else 0
  bool timed_out = false;
  bool cancelled = false;
  bool truncated = false;
  std::string out, err;
  Duration took{};
};

/// Runs a command in a session and process group of its own, with default signal handling and no descriptor
/// but 0 (from /dev/null), 1 and 2; waits for it, and not noticeably longer than timeout + grace. When the
/// command has ended, what is left of its group is killed, and output that others (who left the group) still
/// hold open is not waited for. On timeout and cancellation the whole group gets SIGTERM and, for as long as
/// its grace and while its output is open, time. An error means that it could not be started. Thread-safe;
/// the process must not ignore SIGCHLD. Boost.Process, waiting on a pidfd (pidfd_open(2)).
Result<CommandOutcome> run_command(const Command& command, const CancelToken& cancel);

}  // namespace chiron
