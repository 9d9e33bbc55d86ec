#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

namespace chiron {

/// How long something on a socket may take, and what ends it before.
struct SocketWait {
  BootTime deadline;
  int wake_descriptor = -1;  ///< readable: stop with ErrorCode::cancelled. Borrowed; -1: none

  static SocketWait within(Duration timeout, int wake_descriptor = -1);
};

/// Waits until poll(2) reports one of `events` (POLLIN, POLLOUT) or an error or hang-up on `fd`, which may be
/// -1 to wait for nothing but the deadline. Errors: timed_out, cancelled.
Status wait_for_socket(int fd, short events, const SocketWait& wait);

}  // namespace chiron
