#include "exporter/http/connections.h"

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron::http {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr Duration kDrainTick = std::chrono::milliseconds(10);
/// How long an idle connection may stay while others may be waiting for its worker.
constexpr Duration kCrowdedIdle = std::chrono::milliseconds(100);
/// And one whose request has not come: scrapers send theirs with the first packet.
constexpr Duration kCrowdedSilence = std::chrono::seconds(1);

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

/// Connected sockets of this process at one of these local ports.
std::vector<std::pair<int, Peer>> sockets_of(const std::vector<std::uint16_t>& ports) {
  std::vector<std::pair<int, Peer>> sockets;
  std::error_code error;
  for (std::filesystem::directory_iterator it(HostPaths().proc("self/fd"), error), end; !error && it != end;
       it.increment(error)) {
    const auto fd = parse_int<int>(it->path().filename().native());
    if (!fd) continue;
    const auto peer = peer_of(*fd);
    if (peer && std::find(ports.begin(), ports.end(), peer->server_port) != ports.end()) {
      sockets.emplace_back(*fd, *peer);
    }
  }
  return sockets;
}

/// Shuts down the connection to `peer` if `fd` is (still) that. The descriptor is civetweb's, which may close
/// it at any time and the number be used again: so it is duplicated first, and looked at again through the
/// duplicate. SHUT_RD leaves what has already arrived readable and the way back open: a request that crosses
/// is answered.
void shut_down(int fd, const Peer& peer, int how) {
  const FileDescriptor held(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (held && peer_of(held.get()) == peer) ::shutdown(held.get(), how);
}

}  // namespace

Connections::Connections(Limits limits) : limits_(limits), thread_([this] { run(); }) {}

Connections::~Connections() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Connections::watch(std::vector<std::uint16_t> ports) {
  const MutexLock lock(mutex_);
  ports_ = std::move(ports);
}

void Connections::opened() {
  bool asleep = false;
  {
    const MutexLock lock(mutex_);
    ++open_;
    asleep = asleep_;
  }
  if (asleep) changed_.notify_all();
}

void Connections::closed(const Peer* peer) {
  bool draining = false;
  {
    const MutexLock lock(mutex_);
    --open_;
    if (peer != nullptr) known_.erase(*peer);
    draining = draining_;
  }
  if (draining) changed_.notify_all();
}

void Connections::enter(const Peer& peer, Phase phase) {
  bool draining = false;
  {
    const MutexLock lock(mutex_);
    known_[peer] = {phase, system_clock().boot()};
    draining = draining_;
  }
  if (draining) changed_.notify_all();
}

bool Connections::crowded() const {
  const MutexLock lock(mutex_);
  return open_ >= limits_.workers || draining_;
}

bool Connections::busy() const {
  return std::any_of(known_.begin(), known_.end(), [](const auto& entry) {
    return entry.second.phase == Phase::handling || entry.second.phase == Phase::sending;
  });
}

void Connections::drain(Duration patience) {
  MutexLock lock(mutex_);
  draining_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, patience, [this]() CHIRON_REQUIRES(mutex_) { return !busy(); });
}

void Connections::run() {
  MutexLock lock(mutex_);
  while (!stop_) {
    if (open_ == 0) {
      strangers_.clear();
      asleep_ = true;
      changed_.wait(lock, [this]() CHIRON_REQUIRES(mutex_) { return stop_ || open_ > 0; });
      asleep_ = false;
    }
    const bool was_draining = draining_;
    changed_.wait_for(lock, was_draining ? kDrainTick : kTick,
                      [&]() CHIRON_REQUIRES(mutex_) { return stop_ || draining_ != was_draining; });
    if (stop_ || open_ == 0) continue;
    const std::vector<std::uint16_t> ports = ports_;
    lock.unlock();
    const Sockets sockets = sockets_of(ports);
    lock.lock();
    end_overdue(sockets);
  }
}

void Connections::end_overdue(const Sockets& sockets) {
  const BootTime now = system_clock().boot();
  std::map<Peer, BootTime> still_strangers;
  for (const auto& [fd, peer] : sockets) {
    if (known_.contains(peer)) continue;
    const auto seen = strangers_.find(peer);
    still_strangers[peer] = seen == strangers_.end() ? now : seen->second;
  }
  strangers_ = std::move(still_strangers);
  for (const auto& [fd, peer] : sockets) {
    if (!overdue(peer, now)) continue;
    const auto known = known_.find(peer);
    const bool sending = known != known_.end() && known->second.phase == Phase::sending;
    shut_down(fd, peer, sending ? SHUT_RDWR : SHUT_RD);
  }
}

bool Connections::overdue(const Peer& peer, BootTime now) const {
  const bool crowded = open_ >= limits_.workers;
  const auto known = known_.find(peer);
  if (known == known_.end()) {
    const auto stranger = strangers_.find(peer);
    const Duration patience = crowded ? std::min(kCrowdedSilence, limits_.receive) : limits_.receive;
    return draining_ || (stranger != strangers_.end() && now - stranger->second > patience);
  }
  const Duration age = now - known->second.since;
  switch (known->second.phase) {
    case Phase::receiving:
      return draining_ || age > limits_.receive;
    case Phase::handling:
      return false;
    case Phase::sending:
      return age > limits_.send;
    case Phase::idle:
      return draining_ || age > limits_.keep_alive || (crowded && age > kCrowdedIdle);
  }
  return false;
}

}  // namespace chiron::http
