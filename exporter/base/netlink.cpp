#include "exporter/base/netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace chiron {
namespace {

/// What the kernel puts into one answer at most (netlink(7): 8 KiB pages, 32 KiB where the reader has room).
constexpr std::size_t kBuffer = 32 << 10;

/// Attributes begin at multiples of four (NLA_ALIGNTO); the two highest bits of their type are flags.
constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }
constexpr unsigned kTypeMask = 0x3fff;

}  // namespace

Status NetlinkList::ask(const Question& question, const Take& take) {
  Status status = open();
  if (status) status = send(question);
  if (status) status = receive(question, take);
  // What is left of a broken answer must not be taken for the next one.
  if (!status) {
    socket_.reset();
  } else if (changed_) {
    return Error(ErrorCode::unavailable, what_ + ": the list changed while the kernel told it");
  }
  return status;
}

Status NetlinkList::open() {
  if (socket_) return {};
  socket_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol_));
  if (!socket_) return Error::from_errno(errno, what_);
  buffer_.resize(kBuffer);
  return {};
}

Status NetlinkList::send(const Question& question) {
  changed_ = false;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + question.body.size());
  header.nlmsg_type = question.type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = ++sequence_;
  iovec parts[] = {{&header, sizeof header}, {const_cast<char*>(question.body.data()), question.body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  if (::sendmsg(socket_.get(), &message, 0) < 0) return Error::from_errno(errno, what_);
  return {};
}

Status NetlinkList::receive(const Question& question, const Take& take) {
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error::from_errno(errno, what_);
    if (static_cast<std::size_t>(size) > buffer_.size())
      return Error(ErrorCode::exhausted, what_ + ": an answer larger than the buffer");
    const Result<bool> last = read(static_cast<std::size_t>(size), question, take);
    if (!last) return last.error();
    if (*last) return {};
  }
}

Result<bool> NetlinkList::read(std::size_t size, const Question& question, const Take& take) {
  std::size_t at = 0;
  while (size - at >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, buffer_.data() + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) break;
    const std::string_view body(buffer_.data() + at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    at += std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), size - at);
    if (header.nlmsg_seq != sequence_) continue;
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) changed_ = true;
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR && body.size() >= sizeof(int)) {
      int negated = 0;
      std::memcpy(&negated, body.data(), sizeof negated);
      return Error::from_errno(-negated, what_);
    }
    if (header.nlmsg_type != question.answers || !take(body))
      return Error(ErrorCode::corrupt, what_ + ": the kernel's answer cannot be read");
  }
  if (at != size) return Error(ErrorCode::corrupt, what_ + ": the kernel's answer cannot be read");
  return false;
}

bool next_attribute(std::string_view& text, NetlinkAttribute& attribute) {
  nlattr header;
  if (text.size() < sizeof header) return false;
  std::memcpy(&header, text.data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > text.size()) return false;
  attribute.type = static_cast<std::uint16_t>(header.nla_type & kTypeMask);
  attribute.payload = text.substr(sizeof header, header.nla_len - sizeof header);
  text.remove_prefix(std::min(aligned(header.nla_len), text.size()));
  return true;
}

}  // namespace chiron
