#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

/// What one call of a collector gave.
struct Collected {
  Frame frame;
  Status status;
  Duration duration{};
  BootTime at{};  ///< when it ended
};

/// Calls a collector, on the caller's thread or on one of its own. One user at a time. The destructor waits
/// a second for a running collection, and then leaves a thread whose collector hangs behind; the thread owns
/// the collector then, and what that and the clock refer to must outlive it.
class CollectorTask {
 public:
  CollectorTask(std::unique_ptr<Collector> collector, bool own_thread, std::size_t series_limit,
                const Clock& clock);
  ~CollectorTask();
  CollectorTask(const CollectorTask&) = delete;
  CollectorTask& operator=(const CollectorTask&) = delete;

  /// Starts a collection unless one is running; on the caller's thread, where also a collector with a thread
  /// of its own runs when it cannot hang now, it is over when this returns.
  void start();
  /// Waits until nothing is running, at most until `deadline`; whether that is so.
  bool wait_until(BootTime deadline);
  /// Swaps the finished collection into `out`; false when none finished since the last call.
  bool take(Collected& out);

 private:
  struct Shared;
  static void run_collector(Shared& shared);
  std::shared_ptr<Shared> shared_;
  const bool own_thread_;
};

}  // namespace chiron
