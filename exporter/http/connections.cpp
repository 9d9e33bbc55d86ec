#include "exporter/http/connections.h"

#include <algorithm>

#include <sys/socket.h>

namespace chiron::http {
namespace {

/// How long a request that has begun may take to arrive when too many wait; scrapers send theirs with one
/// packet.
constexpr Duration kCrowdedReceive = std::chrono::milliseconds(150);
constexpr Duration kCrowdedTick = std::chrono::milliseconds(50);
constexpr Duration kDrainTick = std::chrono::milliseconds(10);
constexpr Duration kLongestTick = std::chrono::seconds(5);

std::size_t count_working(Connections::Phase phase) {
  return phase == Connections::Phase::handling || phase == Connections::Phase::sending ? 1U : 0U;
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
  defer_silent(ports, limits_.receive);
  const MutexLock lock(mutex_);
  ports_ = std::move(ports);
}

void Connections::look_soon_if_crowded() {
  if (quick_ || !crowded()) return;
  quick_ = true;
  changed_.notify_all();
}

void Connections::opened() {
  const MutexLock lock(mutex_);
  ++open_;
  look_soon_if_crowded();
}

void Connections::closed(const Peer* peer) {
  const MutexLock lock(mutex_);
  --open_;
  if (peer != nullptr) {
    const auto known = known_.find(*peer);
    if (known != known_.end()) {
      working_ -= count_working(known->second.phase);
      staying_ -= known->second.stays ? 1U : 0U;
      known_.erase(known);
    }
  }
  if (draining_) changed_.notify_all();
}

void Connections::enter(const Peer& peer, Phase phase) {
  const MutexLock lock(mutex_);
  const auto [known, is_new] = known_.try_emplace(peer);
  if (!is_new) working_ -= count_working(known->second.phase);
  known->second.phase = phase;
  known->second.since = system_clock().boot();
  working_ += count_working(phase);
  look_soon_if_crowded();
  if (draining_) changed_.notify_all();
}

bool Connections::may_stay(const Peer& peer) {
  const MutexLock lock(mutex_);
  const auto known = known_.find(peer);
  if (known == known_.end()) return false;
  bool& stays = known->second.stays;
  staying_ -= stays ? 1U : 0U;
  stays = !draining_ && staying_ < limits_.patient;
  staying_ += stays ? 1U : 0U;
  return stays;
}

void Connections::drain(Duration patience) {
  MutexLock lock(mutex_);
  defer_silent(ports_, Duration::zero());
  draining_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, patience, [this]() CHIRON_REQUIRES(mutex_) { return working_ == 0; });
}

Duration Connections::tick() const {
  if (draining_) return kDrainTick;
  if (crowded()) return kCrowdedTick;
  const Duration shortest = std::min({limits_.receive, limits_.send, limits_.keep_alive});
  return std::clamp(shortest / 2, kCrowdedTick, kLongestTick);
}

void Connections::run() {
  MutexLock lock(mutex_);
  while (!stop_) {
    const bool was_draining = draining_;
    quick_ = draining_ || crowded();
    const bool was_quick = quick_;
    const bool woken = changed_.wait_for(lock, tick(), [&]() CHIRON_REQUIRES(mutex_) {
      return stop_ || draining_ != was_draining || quick_ != was_quick;
    });
    // A crowd may be over in a moment.
    if (woken && !draining_) continue;
    const BootTime now = system_clock().boot();
    if (stop_ || open_ == 0 || !any_overdue(now)) {
      if (open_ == known_.size()) strangers_.clear();
      continue;
    }
    const std::vector<std::uint16_t> ports = ports_;
    lock.unlock();
    const Sockets sockets = connected_sockets(ports);
    lock.lock();
    end_overdue(sockets, now);
  }
}

/// Strangers are only known from their sockets, so that one is reason enough to look.
bool Connections::any_overdue(BootTime now) const {
  return open_ > known_.size() ||
         std::any_of(known_.begin(), known_.end(),
                     [&](const auto& known) CHIRON_REQUIRES(mutex_) { return overdue(known.second, now); });
}

void Connections::end_overdue(const Sockets& sockets, BootTime now) {
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
  const auto known = known_.find(peer);
  if (known != known_.end()) return overdue(known->second, now);
  const auto stranger = strangers_.find(peer);
  return stranger != strangers_.end() &&
         overdue(Entry{.phase = Phase::receiving, .since = stranger->second}, now);
}

bool Connections::overdue(const Entry& entry, BootTime now) const {
  const Duration age = now - entry.since;
  switch (entry.phase) {
    case Phase::receiving:
      return draining_ || age > (crowded() ? std::min(kCrowdedReceive, limits_.receive) : limits_.receive);
    case Phase::handling:
      return false;
    case Phase::sending:
      return age > limits_.send;
    case Phase::idle:
      return draining_ || crowded() || age > limits_.keep_alive;
  }
  return false;
}

}  // namespace chiron::http
