#pragma once

#include "exporter/base/netlink.h"
#include "exporter/collectors/socket_table.h"

namespace chiron {

/// Asks the kernel for its TCP sockets over sock_diag(7): a twentieth of what making and reading the text of
/// net/tcp costs. The kernel answers at once; nothing here waits.
class TcpDiag {
 public:
  TcpDiag();
  /// Adds all sockets, IPv4 and IPv6. Of a listening one, `received` is the connections that wait to be
  /// accepted and `to_send` how many may, as node_exporter adds them up too. Any error: the kernel or a
  /// sandbox does not answer this question.
  Status add_sockets(SocketTotals& totals);

 private:
  NetlinkList sockets_;
};

}  // namespace chiron
