#include "exporter/base/socket_wait.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>

namespace chiron {

SocketWait SocketWait::within(Duration timeout, int wake_descriptor) {
  return {.deadline = deadline_after(timeout), .wake_descriptor = wake_descriptor};
}

Status wait_for_socket(int fd, short events, const SocketWait& wait) {
  std::array<pollfd, 2> polled{pollfd{fd, events, 0}, pollfd{wait.wake_descriptor, POLLIN, 0}};
  while (true) {
    const Duration left = wait.deadline - system_clock().boot();
    // Rounded up: a wait that ends a fraction early would spin.
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration::zero())).count();
    const int ready =
        ::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::int64_t>(ms, 3'600'000)));
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "poll");
    // Whatever is told of the wake descriptor, an error too: it will not be quiet again.
    if (ready > 0 && polled[1].revents != 0) return Error(ErrorCode::cancelled, "cancelled");
    if (ready > 0 && polled[0].revents != 0) return {};
    if (ready <= 0 && wait.deadline <= system_clock().boot())
      return Error(ErrorCode::timed_out, "no answer in time");
  }
}

}  // namespace chiron
