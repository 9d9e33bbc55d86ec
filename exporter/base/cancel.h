#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/thread_annotations.h"

#include <memory>

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
    int descriptor = -1;  // an eventfd(2), constant
    Mutex mutex;
    CondVar changed;
    bool cancelled CHIRON_GUARDED_BY(mutex) = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace chiron
