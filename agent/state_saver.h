#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "exporter/base/thread_annotations.h"

#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace chiron::agent {

/// Writes the newest of a stream of states on a thread of its own, so that the sampling loop never waits for
/// a disk. States that come while one is being written replace each other. The destructor writes what is
/// left.
class StateSaver {
 public:
  using Write = std::function<Status(const std::string& state)>;
  StateSaver(Write write, EventLog& log);
  ~StateSaver();
  StateSaver(const StateSaver&) = delete;
  StateSaver& operator=(const StateSaver&) = delete;

  /// What is on the disk is no older while there is something whose time it tells: killed, the agent has
  /// been away since the last write.
  static constexpr Duration kAge = std::chrono::minutes(5);
  /// Whether to save now: something changed, or there is something, and the state is of more than kAge ago.
  /// One thread.
  bool due(bool changed, bool any, BootTime now);

  void save(std::string state) CHIRON_EXCLUDES(mutex_);

 private:
  void run() CHIRON_EXCLUDES(mutex_);
  /// The next state to write; nothing when there is none and there will be none.
  std::optional<std::string> next() CHIRON_EXCLUDES(mutex_);

  const Write write_;
  EventLog& log_;
  BootTime last_due_{};
  Mutex mutex_;
  CondVar changed_;
  std::optional<std::string> waiting_ CHIRON_GUARDED_BY(mutex_);
  bool stop_ CHIRON_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace chiron::agent
