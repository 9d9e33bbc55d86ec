#pragma once

#include "exporter/base/thread_annotations.h"
#include "exporter/http/sockets.h"

#include <map>
#include <thread>

namespace chiron::http {

/// Sees to it that clients who wait or are slow hold few workers. civetweb 1.15 has one thread per
/// connection; its timeouts begin anew with every byte, so a client that trickles a request or reads an
/// answer byte by byte keeps a worker for hours; and it looks at its stop flag every 2 s only.
/// - A connection without a byte stays in the kernel (defer_silent()).
/// - Connections that wait for their client, between requests or within one, hold `patient` workers at most:
/// with that
///   many of them an answer ends its connection, idle ones are ended at once, and requests that have begun
///   must be whole within 150 ms.
/// - A thread of ours shuts down (shutdown(2)) what is past the limit of its phase. It sleeps for seconds
/// while there
///   are few connections, so that an ordinary scrape does not wake it.
/// Thread-safe.
class Connections {
 public:
  struct Limits {
    /// A whole request, from the first sight of the connection or the first byte after idling.
    Duration receive;
    Duration send;        ///< a whole answer
    Duration keep_alive;  ///< idle between requests
    std::size_t patient;  ///< workers that may wait for clients; fewer than there are
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
  /// Whether this connection may stay open after the answer that is about to be sent.
  bool may_stay(const Peer& peer);

  /// Ends idle and receiving connections at once, now and until destruction, and lets silent ones through to
  /// be ended; waits, at most `patience`, for the others to finish their answer.
  void drain(Duration patience);

 private:
  struct Entry {
    Phase phase;
    BootTime since;
    bool stays = false;
  };
  void run();
  Duration tick() const CHIRON_REQUIRES(mutex_);
  bool any_overdue(BootTime now) const CHIRON_REQUIRES(mutex_);
  void end_overdue(const Sockets& sockets, BootTime now) CHIRON_REQUIRES(mutex_);
  bool overdue(const Peer& peer, BootTime now) const CHIRON_REQUIRES(mutex_);
  bool overdue(const Entry& entry, BootTime now) const CHIRON_REQUIRES(mutex_);
  /// Connections that wait for their client.
  std::size_t waiting() const CHIRON_REQUIRES(mutex_) { return open_ - working_; }
  bool crowded() const CHIRON_REQUIRES(mutex_) { return waiting() > limits_.patient; }
  void look_soon_if_crowded() CHIRON_REQUIRES(mutex_);

  const Limits limits_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::uint16_t> ports_ CHIRON_GUARDED_BY(mutex_);
  std::map<Peer, Entry> known_ CHIRON_GUARDED_BY(mutex_);         // those that sent a request
  std::map<Peer, BootTime> strangers_ CHIRON_GUARDED_BY(mutex_);  // those that did not yet: first seen
  std::size_t open_ CHIRON_GUARDED_BY(mutex_) = 0;
  std::size_t working_ CHIRON_GUARDED_BY(mutex_) = 0;  // of known_: handling or sending
  std::size_t staying_ CHIRON_GUARDED_BY(mutex_) = 0;  // of known_
  bool quick_ CHIRON_GUARDED_BY(mutex_) = false;       // the thread looks again soon
  bool draining_ CHIRON_GUARDED_BY(mutex_) = false;
  bool stop_ CHIRON_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace chiron::http
