#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"

#include <functional>
#include <thread>

namespace chiron::agent {

/// Tries again, on a thread of its own, what did not work at the start.
class Retry {
 public:
  /// `attempt` is called every so often until it returns true.
  Retry(Duration every, std::function<bool()> attempt);
  /// Waits for an attempt that is under way; there is none after it.
  ~Retry();
  Retry(const Retry&) = delete;
  Retry& operator=(const Retry&) = delete;

 private:
  const Duration every_;
  const std::function<bool()> attempt_;
  CancelToken stop_;
  std::thread thread_;
};

}  // namespace chiron::agent
