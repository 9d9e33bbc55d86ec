#include "exporter/base/host_changes.h"

#include <cerrno>
#include <utility>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace chiron {
namespace {

/// The kernel's own multicast group; udev(7) sends to the second.
constexpr std::uint32_t kKernelGroup = 1;
/// More than a socket's buffer holds; what is left is found in the next pass.
constexpr int kMostMessages = 10'000;

}  // namespace

NetlinkEvents::NetlinkEvents(int protocol, std::uint32_t groups)
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)) {
  if (!socket_) return;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    socket_.reset();
}

bool NetlinkEvents::any() {
  bool any = false;
  for (int i = 0; i < kMostMessages; ++i) {
    char first = 0;
    // ENOBUFS: messages were lost.
    if (::recv(socket_.get(), &first, sizeof first, MSG_DONTWAIT) < 0) {
      if (errno == EINTR || errno == ENOBUFS) {
        any = any || errno == ENOBUFS;
        continue;
      }
      return any || errno != EAGAIN;
    }
    any = true;
  }
  return true;
}

HostChanges::HostChanges(bool live, const Clock& clock) : unannounced_(clock) {
  if (live) events_.emplace(NETLINK_KOBJECT_UEVENT, kKernelGroup);
  if (events_ && !events_->listening()) events_.reset();
}

void HostChanges::begin_pass() {
  // A removal is announced before it is done, so that an event counts in the pass after it, too.
  const bool changed_before = std::exchange(changed_, !events_ || events_->any());
  if (!changed_ && !changed_before && !unannounced_.due()) return;
  unannounced_.done();
  generation_.fetch_add(1, std::memory_order_relaxed);
}

Result<std::string_view> OptionalKernelFile::read() {
  const std::uint64_t generation = changes_.generation();
  if (absent_ && looked_in_ == generation) return *absent_;
  absent_.reset();
  Result<std::string_view> text = file_.read();
  if (!text && text.error().code() == ErrorCode::not_found) {
    absent_ = text.error();
    looked_in_ = generation;
  }
  return text;
}

}  // namespace chiron
