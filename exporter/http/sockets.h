#pragma once

#include "exporter/base/clock.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace chiron::http {

/// A connection of one of our listeners: who is at the other end, and at which of our ports.
struct Peer {
  std::uint32_t ip = 0;  ///< network byte order
  std::uint16_t port = 0;
  std::uint16_t server_port = 0;
  auto operator<=>(const Peer&) const = default;
};

/// Descriptors of this process, and who is at the other end.
using Sockets = std::vector<std::pair<int, Peer>>;

/// Connected IPv4 sockets of this process at one of these local ports. civetweb does not tell its
/// descriptors.
Sockets connected_sockets(const std::vector<std::uint16_t>& ports);

/// Shuts down the connection to `peer` if `fd` is (still) that: the descriptor is civetweb's, which may close
/// it at any time and the number be used again. SHUT_RD leaves what has already arrived readable and the way
/// back open: a request that crosses is answered.
void shut_down(int fd, const Peer& peer, int how);

/// Whether the other end of one of our connections has closed it, or its sending half, which HTTP clients do
/// only when they go. Found by its peer at the first look and kept; ask no longer than the connection is
/// open.
class HangUp {
 public:
  explicit HangUp(const Peer& peer) : peer_(peer) {}
  bool operator()();

 private:
  Peer peer_;
  int fd_ = -1;
};

/// From now on the kernel keeps connections at the sockets that listen at these ports to itself until their
/// first bytes are there, `patience` at most (tcp(7), TCP_DEFER_ACCEPT); 0 lets them through at once.
void defer_silent(const std::vector<std::uint16_t>& ports, Duration patience);

}  // namespace chiron::http
