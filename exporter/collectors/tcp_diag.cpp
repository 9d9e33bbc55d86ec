#include "exporter/collectors/tcp_diag.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron {
namespace {

constexpr std::string_view kWhat = "TCP sockets over sock_diag";
/// What the kernel puts into one answer at most (netlink(7): 8 KiB pages, 32 KiB where the reader has room).
constexpr std::size_t kBuffer = 32 << 10;

}  // namespace

Status TcpDiag::add_sockets(SocketTotals& totals) {
  if (!socket_) {
    socket_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!socket_) return Error::from_errno(errno, kWhat);
    buffer_.resize(kBuffer);
  }
  Status status = ask();
  if (status) status = read_answers(totals);
  // What is left of a broken answer must not be taken for the next one.
  if (!status) socket_.reset();
  return status;
}

/// The kernel goes through its whole table of connections, a quarter of a million slots on a host of some
/// size, for each question. SOCK_DIAG_BY_FAMILY needs one for each family; the older message takes both at
/// once.
Status TcpDiag::ask() {
  struct {
    nlmsghdr header;
    inet_diag_req request;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = TCPDIAG_GETSOCK;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.header.nlmsg_seq = ++sequence_;
  question.request.idiag_states = (1U << SocketTotals::kStates) - 1;
  if (::send(socket_.get(), &question, sizeof question, 0) < 0) return Error::from_errno(errno, kWhat);
  return {};
}

Status TcpDiag::read_answers(SocketTotals& totals) {
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, kWhat);
    if (static_cast<std::size_t>(size) > buffer_.size())
      return Error(ErrorCode::exhausted, std::string(kWhat) + ": an answer larger than the buffer");
    const Result<bool> last = take(static_cast<std::size_t>(size), totals);
    if (!last) return last.error();
    if (*last) return {};
  }
}

Result<bool> TcpDiag::take(std::size_t size, SocketTotals& totals) const {
  std::size_t at = 0;
  while (size - at >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, buffer_.data() + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) break;
    const char* body = buffer_.data() + at + NLMSG_HDRLEN;
    const std::size_t length = header.nlmsg_len - NLMSG_HDRLEN;
    at += std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), size - at);
    if (header.nlmsg_seq != sequence_) continue;
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR && length >= sizeof(int)) {
      int negated = 0;
      std::memcpy(&negated, body, sizeof negated);
      return Error::from_errno(-negated, kWhat);
    }
    if (header.nlmsg_type != TCPDIAG_GETSOCK || length < sizeof(inet_diag_msg)) break;
    inet_diag_msg socket;
    std::memcpy(&socket, body, sizeof socket);
    if (socket.idiag_state < SocketTotals::kStates) ++totals.by_state[socket.idiag_state];
    totals.to_send += socket.idiag_wqueue;
    totals.received += socket.idiag_rqueue;
  }
  if (at != size)
    return Error(ErrorCode::corrupt, std::string(kWhat) + ": the kernel's answer cannot be read");
  return false;
}

}  // namespace chiron
