#pragma once

#include "exporter/base/event_log.h"
#include "exporter/base/result.h"

#include <condition_variable>
#include <functional>
#include <mutex>
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

  void save(std::string state);

 private:
  void run();

  const Write write_;
  EventLog& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> waiting_;  // guarded by mutex_
  bool stop_ = false;                   // guarded by mutex_
  std::thread thread_;
};

}  // namespace chiron::agent
