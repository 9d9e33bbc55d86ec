#pragma once

#include "exporter/base/file.h"
#include "exporter/collectors/problems.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace chiron {

/// Sockets counted by their state, 1 (established) to 11 (closing), and the bytes that wait in them.
struct SocketTotals {
  static constexpr std::size_t kStates = 12;  ///< include/net/tcp_states.h; 0 is none
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t to_send = 0;
  std::uint64_t received = 0;
};

/// Adds the sockets of net/udp, net/tcp or their likes for IPv6 (proc_pid_net(5)). False when the file is
/// absent, which is no problem.
bool add_sockets(KernelFile& file, SocketTotals& totals, Problems& problems);

}  // namespace chiron
