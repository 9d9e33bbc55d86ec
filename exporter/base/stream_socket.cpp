#include "exporter/base/stream_socket.h"

#include "exporter/base/parse.h"

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

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

/// A name being resolved. Shared between the resolving thread and whoever waits for it.
struct Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  int error = 0;
  int system_error = 0;
  std::vector<Endpoint> found;
};

struct Lookups {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Lookup>> running;
};

/// Never destroyed: a resolving thread that was left behind may outlive the end of main().
Lookups& lookups() {
  static Lookups& all = *new Lookups;
  return all;
}

void resolve_into(Lookup& lookup, const StreamAddress& address, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &list);
  const int system_error = errno;
  const std::lock_guard lock(lookup.mutex);
  lookup.error = error;
  lookup.system_error = system_error;
  for (const addrinfo* each = list; error == 0 && each != nullptr; each = each->ai_next) {
    Endpoint endpoint;
    endpoint.size = each->ai_addrlen;
    std::memcpy(&endpoint.address, each->ai_addr, each->ai_addrlen);
    lookup.found.push_back(endpoint);
  }
  if (list != nullptr) ::freeaddrinfo(list);
  lookup.done = true;
  lookup.changed.notify_all();
}

Result<std::vector<Endpoint>> outcome_of(const Lookup& lookup, const StreamAddress& address) {
  if (lookup.error == 0) return lookup.found;
  const std::string reason = lookup.error == EAI_SYSTEM ? std::generic_category().message(lookup.system_error)
                                                        : std::string(::gai_strerror(lookup.error));
  return Error(ErrorCode::unavailable, "resolve " + address.host + ": " + reason);
}

std::shared_ptr<Lookup> join_or_start_lookup(const StreamAddress& address) {
  Lookups& all = lookups();
  const std::string key = address.host + ' ' + address.port;
  const std::lock_guard lock(all.mutex);
  std::shared_ptr<Lookup>& slot = all.running[key];
  if (slot) return slot;
  slot = std::make_shared<Lookup>();
  std::thread([lookup = slot, address, key] {
    resolve_into(*lookup, address, AI_ADDRCONFIG);
    Lookups& running = lookups();
    const std::lock_guard running_lock(running.mutex);
    running.running.erase(key);
  }).detach();
  return slot;
}

/// Lets `slice` go by, or less when the wait ends before: only then an error.
Status pause(const SocketWait& wait, Duration slice) {
  SocketWait step = wait;
  step.deadline = std::min(wait.deadline, system_clock().boot() + slice);
  Status status = wait_for_socket(-1, 0, step);
  const bool slept = status.error().code() == ErrorCode::timed_out && system_clock().boot() < wait.deadline;
  return slept ? Status() : status;
}

Result<std::vector<Endpoint>> resolve(const StreamAddress& address, const SocketWait& wait) {
  Lookup numeric;
  resolve_into(numeric, address, AI_NUMERICHOST);
  if (numeric.error != EAI_NONAME) return outcome_of(numeric, address);

  const std::shared_ptr<Lookup> lookup = join_or_start_lookup(address);
  // A condition variable and a descriptor cannot be waited for together: look at the descriptor now and then.
  constexpr Duration kSlice = std::chrono::milliseconds(20);
  std::unique_lock lock(lookup->mutex);
  while (!lookup->done) {
    const Duration left = wait.deadline - system_clock().boot();
    if (left <= Duration::zero()) {
      return Error(ErrorCode::timed_out, "resolve " + address.host + ": no answer in time");
    }
    lookup->changed.wait_for(lock, std::min(left, kSlice));
    if (wait.wake_descriptor < 0 || lookup->done) continue;
    const Status status =
        wait_for_socket(-1, 0, {.deadline = BootTime(), .wake_descriptor = wait.wake_descriptor});
    if (status.error().code() == ErrorCode::cancelled) return Error(status.error());
  }
  return outcome_of(*lookup, address);
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

SocketWait SocketWait::within(Duration timeout, int wake_descriptor) {
  return {.deadline = system_clock().boot() + timeout, .wake_descriptor = wake_descriptor};
}

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

Status wait_for_socket(int fd, short events, const SocketWait& wait) {
  std::array<pollfd, 2> polled{pollfd{fd, events, 0}, pollfd{wait.wake_descriptor, POLLIN, 0}};
  while (true) {
    const Duration left = wait.deadline - system_clock().boot();
    // Rounded up: a wait that ends a fraction early would spin.
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration::zero())).count();
    const int ready =
        ::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::int64_t>(ms, 3'600'000)));
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "poll");
    if (ready > 0 && (polled[1].revents & (POLLIN | POLLHUP)) != 0)
      return Error(ErrorCode::cancelled, "cancelled");
    if (ready > 0 && polled[0].revents != 0) return {};
    if (ready <= 0 && wait.deadline <= system_clock().boot())
      return Error(ErrorCode::timed_out, "no answer in time");
  }
}

Result<FileDescriptor> connect_stream(const StreamAddress& address, const SocketWait& wait) {
  if (address.is_unix) {
    Result<Endpoint> endpoint = unix_endpoint(address.path);
    if (!endpoint.ok()) return Error(endpoint.error());
    return connect_endpoint(*endpoint, wait);
  }
  Result<std::vector<Endpoint>> endpoints = resolve(address, wait);
  if (!endpoints.ok()) return Error(endpoints.error());
  Result<FileDescriptor> last =
      Error(ErrorCode::not_found, "resolve " + address.host + ": it has no address");
  for (std::size_t i = 0; i < endpoints->size(); ++i) {
    SocketWait share = wait;
    const BootTime now = system_clock().boot();
    share.deadline = now + (wait.deadline - now) / static_cast<std::int64_t>(endpoints->size() - i);
    last = connect_endpoint((*endpoints)[i], share);
    if (last.ok() || last.error().code() == ErrorCode::cancelled) break;
  }
  return last;
}

}  // namespace chiron
