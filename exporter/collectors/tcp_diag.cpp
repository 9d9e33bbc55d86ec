#include "exporter/collectors/tcp_diag.h"

#include <cstring>

#include <linux/inet_diag.h>
#include <linux/netlink.h>

namespace chiron {

TcpDiag::TcpDiag() : sockets_(NETLINK_SOCK_DIAG, "TCP sockets over sock_diag") {}

/// The kernel goes through its whole table of connections, a quarter of a million slots on a host of some
/// size, for each question. SOCK_DIAG_BY_FAMILY needs one for each family; the older message takes both at
/// once.
Status TcpDiag::add_sockets(SocketTotals& totals) {
  inet_diag_req request{};
  request.idiag_states = (1U << SocketTotals::kStates) - 1;
  const std::string_view body(reinterpret_cast<const char*>(&request), sizeof request);
  return sockets_.ask({.type = TCPDIAG_GETSOCK, .answers = TCPDIAG_GETSOCK, .body = body},
                      [&totals](std::string_view message) {
                        inet_diag_msg socket;
                        if (message.size() < sizeof socket) return false;
                        std::memcpy(&socket, message.data(), sizeof socket);
                        if (socket.idiag_state < SocketTotals::kStates) ++totals.by_state[socket.idiag_state];
                        totals.to_send += socket.idiag_wqueue;
                        totals.received += socket.idiag_rqueue;
                        return true;
                      });
}

}  // namespace chiron
