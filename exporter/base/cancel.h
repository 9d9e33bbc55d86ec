#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "exporter/base/clock.h"

namespace chiron {

/// Asks work to stop. Copies share one state. Thread-safe.
class CancelToken {
 public:
  CancelToken() : state_(std::make_shared<State>()) {}

  void cancel();
  bool cancelled() const;
  /// Waits for `duration` or until cancelled; true when cancelled.
  bool wait_for(Duration duration) const;
  /// A descriptor that polls readable once cancelled, for poll(2) loops. Owned by the token.
  int descriptor() const;

 private:
  struct State {
    State();
    ~State();
    std::mutex mutex;
    std::condition_variable changed;
    bool cancelled = false;  // guarded by mutex
    int descriptor = -1;     // an eventfd(2)
  };
  std::shared_ptr<State> state_;
};

}  // namespace chiron
