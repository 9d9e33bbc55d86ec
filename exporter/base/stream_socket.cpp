#include "exporter/base/stream_socket.h"

#include "exporter/base/parse.h"
#include "exporter/base/resolver.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace chiron {
namespace {

/// One address, as connect(2) takes it.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

/// Lets `slice` go by, or less when the wait ends before: only then an error.
Status pause(const SocketWait& wait, Duration slice) {
  SocketWait step = wait;
  step.deadline = std::min(wait.deadline, system_clock().boot() + slice);
  Status status = wait_for_socket(-1, 0, step);
  const bool slept = status.error().code() == ErrorCode::timed_out && system_clock().boot() < wait.deadline;
  return slept ? Status() : status;
}

/// An address that resolve_host() gave, with a port.
Result<Endpoint> ip_endpoint(const std::string& ip, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(ip.c_str(), port.c_str(), &hints, &found);
  if (failure != 0)
    return Error(ErrorCode::invalid_argument, "connect: " + ip + ": " + ::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Endpoint endpoint;
  endpoint.size = found->ai_addrlen;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  return endpoint;
}

Result<Endpoint> unix_endpoint(const std::string& path) {
  Endpoint endpoint;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(
        ErrorCode::invalid_argument,
        "a socket's path has at most 107 bytes (unix(7)), this one has " + std::to_string(path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  std::memcpy(&endpoint.address, &address, sizeof address);
  endpoint.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return endpoint;
}

Result<FileDescriptor> connect_endpoint(const Endpoint& endpoint, const SocketWait& wait) {
  FileDescriptor fd(::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "socket");
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) != 0) {
    if (errno == EINTR) continue;
    // unix(7): a full queue of connections is EAGAIN on a non-blocking socket, and nothing will report when
    // it drains.
    if (errno == EAGAIN) {
      if (Status slept = pause(wait, std::chrono::milliseconds(10)); !slept.ok()) {
        return Error(slept.error()).wrap("connect: the server accepts no connection");
      }
      continue;
    }
    if (errno != EINPROGRESS) return Error::from_errno(errno, "connect");
    if (Status ready = wait_for_socket(fd.get(), POLLOUT, wait); !ready.ok()) {
      return Error(ready.error()).wrap("connect");
    }
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Error::from_errno(error, "connect");
    break;
  }
  return fd;
}

}  // namespace

Result<StreamAddress> parse_stream_address(std::string_view text) {
  StreamAddress address;
  std::string_view rest = text;
  if (rest.starts_with("unix:")) rest.remove_prefix(5);
  if (rest.starts_with("/")) {
    if (rest.find('\0') != rest.npos) return Error(ErrorCode::invalid_argument, "a path holds no zero byte");
    address.is_unix = true;
    address.path = rest;
    return address;
  }
  const std::size_t colon = rest.rfind(':');
  const auto fault = [&] {
    return Error(ErrorCode::invalid_argument,
                 "\"" + std::string(text) +
                     "\" is no server address: write HOST:PORT, [IPV6]:PORT or the "
                     "absolute path of a Unix socket");
  };
  if (colon == rest.npos || colon == 0 || rest.size() != text.size()) return fault();
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return fault();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    return fault();
  }
  const auto number = parse_int<std::uint16_t>(port);
  if (!number || *number == 0 || host.find_first_of(std::string_view(" \t\n/\0", 5)) != host.npos)
    return fault();
  address.host = host;
  address.port = port;
  return address;
}

Result<FileDescriptor> connect_stream(const StreamAddress& address, const SocketWait& wait) {
  if (address.is_unix) {
    Result<Endpoint> endpoint = unix_endpoint(address.path);
    if (!endpoint.ok()) return Error(endpoint.error());
    return connect_endpoint(*endpoint, wait);
  }
  const Result<std::vector<std::string>> addresses = resolve_host(address.host, wait);
  if (!addresses.ok()) return addresses.error();
  Result<FileDescriptor> last =
      Error(ErrorCode::not_found, "resolve " + address.host + ": it has no address");
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const Result<Endpoint> endpoint = ip_endpoint((*addresses)[i], address.port);
    if (!endpoint.ok()) return endpoint.error();
    SocketWait share = wait;
    const BootTime now = system_clock().boot();
    share.deadline = now + (wait.deadline - now) / static_cast<std::int64_t>(addresses->size() - i);
    last = connect_endpoint(*endpoint, share);
    if (last.ok() || last.error().code() == ErrorCode::cancelled) break;
  }
  return last;
}

}  // namespace chiron
