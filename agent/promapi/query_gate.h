#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/result.h"
#include "exporter/base/thread_annotations.h"

#include <cstddef>
#include <functional>
#include <set>

namespace chiron::agent::promapi {

/// Lets so many queries run at a time, each on a thread of its own that the kernel prefers less than those
/// that sample, scrape and act; so many more wait for their turn, and the rest are refused at once.
/// Thread-safe.
class QueryGate {
 public:
  struct Options {
    std::size_t most;     ///< that run
    std::size_t waiting;  ///< that wait beside them
  };
  explicit QueryGate(Options options) : options_(options) {}

  /// Runs `work` once there is room, and returns when it has ended. Its token is cancelled when `gone` says
  /// so (looked at now and then; null: never), when `timeout` is over, and by stop(); what `work` makes of
  /// that is its own matter. Errors, without having run: timed_out and cancelled in the queue, unavailable.
  Status run(Duration timeout, const std::function<bool()>& gone,
             const std::function<void(const CancelToken&)>& work) CHIRON_EXCLUDES(mutex_);

  /// Cancels all that run and refuses all that come.
  void stop() CHIRON_EXCLUDES(mutex_);

 private:
  struct Turn {
    CancelToken token;
    bool done = false;
  };
  Status enter(BootTime deadline, const std::function<bool()>& gone, Turn& turn) CHIRON_EXCLUDES(mutex_);
  void leave(Turn& turn) CHIRON_EXCLUDES(mutex_);
  void watch(BootTime deadline, const std::function<bool()>& gone, Turn& turn) CHIRON_EXCLUDES(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  std::set<Turn*> running_ CHIRON_GUARDED_BY(mutex_);
  std::size_t waiting_ CHIRON_GUARDED_BY(mutex_) = 0;
  bool stopped_ CHIRON_GUARDED_BY(mutex_) = false;
};

}  // namespace chiron::agent::promapi
