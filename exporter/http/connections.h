#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/thread_annotations.h"

#include <cstdint>
#include <map>
#include <thread>
#include <utility>
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
    /// A whole request, from the first sight of the connection or the first byte after idling.
    Duration receive;
    Duration send;        ///< a whole answer
    Duration keep_alive;  ///< idle between requests
    /// With that many connections open, idle ones end at once, and those that have asked for nothing yet
    /// soon.
    std::size_t workers;
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
  using Sockets =
      std::vector<std::pair<int, Peer>>;  // descriptors of the process, and who is at the other end
  void run();
  void end_overdue(const Sockets& sockets) CHIRON_REQUIRES(mutex_);
  bool overdue(const Peer& peer, BootTime now) const CHIRON_REQUIRES(mutex_);
  bool busy() const CHIRON_REQUIRES(mutex_);

  const Limits limits_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::uint16_t> ports_ CHIRON_GUARDED_BY(mutex_);
  std::map<Peer, Entry> known_ CHIRON_GUARDED_BY(mutex_);         // those that sent a request
  std::map<Peer, BootTime> strangers_ CHIRON_GUARDED_BY(mutex_);  // those that did not yet: first seen
  std::size_t open_ CHIRON_GUARDED_BY(mutex_) = 0;
  bool asleep_ CHIRON_GUARDED_BY(mutex_) = false;  // the thread, until a connection is opened
  bool draining_ CHIRON_GUARDED_BY(mutex_) = false;
  bool stop_ CHIRON_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace chiron::http
