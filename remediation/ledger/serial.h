#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <functional>
#include <memory>
#include <string>

namespace chiron::remediation {

/// A thread that carries out jobs one after another, for callers that wait no longer than a deadline. A job
/// that hangs (a disk that does not answer) makes later calls time out; it never makes them wait. Jobs own
/// what they touch: an abandoned one may run after its caller, and after this object, is gone.
class Serial {
 public:
  enum class Late {
    drop,  ///< a job whose caller has gone is not started any more: reads, intents
    keep,  ///< it is carried out all the same: outcomes
  };
  explicit Serial(std::string name);
  /// Waits for the queue to drain, at most `grace`; after that the thread is left behind.
  ~Serial();
  void set_grace(Duration grace) { grace_ = grace; }
  Serial(const Serial&) = delete;
  Serial& operator=(const Serial&) = delete;

  /// Runs `job` on the thread and waits for it. `job` is told whether its caller still waits when asked.
  /// timed_out when it has not ended within `wait`; unavailable when too many jobs are waiting already.
  using StillWaited = std::function<bool()>;
  Status call(std::function<Status(const StillWaited&)> job, Late late, Duration wait);

 private:
  struct State;
  std::shared_ptr<State> state_;
  Duration grace_ = std::chrono::seconds(1);
};

}  // namespace chiron::remediation
