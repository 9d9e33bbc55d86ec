#include "exporter/http/sockets.h"

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace chiron::http {
namespace {

std::optional<sockaddr_in> ipv4_name(int fd, int (*query)(int, sockaddr*, socklen_t*)) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (query(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0 || name.sin_family != AF_INET)
    return std::nullopt;
  return name;
}

/// The peer of a connected IPv4 socket; nothing for any other descriptor.
std::optional<Peer> peer_of(int fd) {
  const auto local = ipv4_name(fd, ::getsockname);
  if (!local) return std::nullopt;
  const auto remote = ipv4_name(fd, ::getpeername);
  if (!remote) return std::nullopt;
  return Peer{remote->sin_addr.s_addr, ntohs(remote->sin_port), ntohs(local->sin_port)};
}

bool listens_at(int fd, const std::vector<std::uint16_t>& ports) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return false;
  const auto local = ipv4_name(fd, ::getsockname);
  return local && std::find(ports.begin(), ports.end(), ntohs(local->sin_port)) != ports.end();
}

template <class Look>
void for_each_descriptor(Look look) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(HostPaths().proc("self/fd"), error), end; !error && it != end;
       it.increment(error)) {
    if (const auto fd = parse_int<int>(it->path().filename().native())) look(*fd);
  }
}

}  // namespace

Sockets connected_sockets(const std::vector<std::uint16_t>& ports) {
  Sockets sockets;
  for_each_descriptor([&](int fd) {
    const auto peer = peer_of(fd);
    if (peer && std::find(ports.begin(), ports.end(), peer->server_port) != ports.end())
      sockets.emplace_back(fd, *peer);
  });
  return sockets;
}

void shut_down(int fd, const Peer& peer, int how) {
  // Looked at again through a duplicate, which stays the same socket whatever civetweb does.
  const FileDescriptor held(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (held && peer_of(held.get()) == peer) ::shutdown(held.get(), how);
}

bool HangUp::operator()() {
  if (fd_ < 0) {
    for (const auto& [fd, peer] : connected_sockets({peer_.server_port})) {
      if (peer == peer_) fd_ = fd;
    }
    // A connection that was reset has no peer any more.
    if (fd_ < 0) return true;
  }
  pollfd socket{fd_, POLLRDHUP, 0};
  return ::poll(&socket, 1, 0) > 0;
}

void defer_silent(const std::vector<std::uint16_t>& ports, Duration patience) {
  const int seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(patience).count());
  for_each_descriptor([&](int fd) {
    if (listens_at(fd, ports)) ::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  });
}

}  // namespace chiron::http
