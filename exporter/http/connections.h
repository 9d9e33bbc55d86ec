#pragma once

#include "exporter/base/clock.h"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace chiron::http {

/// A connection of one of our listeners: who is at the other end, and at which of our ports.
struct Peer {
  std::uint32_t ip = 0;  ///< network byte order
  std::uint16_t port = 0;
  std::uint16_t server_port = 0;
  auto operator<=>(const Peer&) const = default;
};

/// Ends connections that hold a worker too long. civetweb 1.15 has one thread per connection; its timeouts
/// begin anew with every byte, so a client that trickles a request or reads an answer byte by byte keeps a
/// worker for hours; and it looks at its stop flag every 2 s only. A thread of ours, asleep while there is no
/// connection, shuts down (shutdown(2)) the sockets that are past their phase's limit. Thread-safe.
class Connections {
 public:
  struct Limits {
    Duration
        receive;  ///< a whole request, from the first sight of the connection or the first byte after idling
    Duration send;        ///< a whole answer
    Duration keep_alive;  ///< idle between requests
    std::size_t workers;  ///< with that many connections open, idle ones end at once
  };
  enum class Phase { receiving, handling, sending, idle };

  explicit Connections(Limits limits);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// From now on the sockets of these local ports are watched.
  void watch(std::vector<std::uint16_t> ports);

  void opened();
  void closed(const Peer* peer);  ///< nullptr when it never sent a request
  void enter(const Peer& peer, Phase phase);
  /// Whether every worker has a connection, so that an answer should end its own.
  bool crowded() const;

  /// Ends idle and receiving connections at once, now and until destruction; waits, at most `patience`, for
  /// the others to finish their answer.
  void drain(Duration patience);

 private:
  struct Entry {
    Phase phase;
    BootTime since;
  };
  void run();
  void sweep(std::unique_lock<std::mutex>& lock);
  bool overdue(const Peer& peer, BootTime now);
  bool busy() const;

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<std::uint16_t> ports_;
  std::map<Peer, Entry> known_;         // those that sent a request
  std::map<Peer, BootTime> strangers_;  // those that did not yet: first seen
  std::size_t open_ = 0;
  bool draining_ = false;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace chiron::http
