#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/base/thread_annotations.h"

#include <cstddef>
#include <utility>

namespace chiron::promql {

/// Lets so many queries be evaluated at a time; others wait for their turn. Thread-safe; outlives its turns.
class QueryGate {
 public:
  /// At least one.
  explicit QueryGate(std::size_t most) : most_(most) {}

  /// A place, held until it is destroyed.
  class Turn {
   public:
    explicit Turn(QueryGate& gate) : gate_(&gate) {}
    Turn(Turn&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    QueryGate* gate_;
  };

  /// Waits at most `timeout`, and until cancelled: errors timed_out and cancelled, with Prometheus' texts.
  Result<Turn> enter(Duration timeout, const CancelToken* cancel = nullptr);

 private:
  void leave();

  const std::size_t most_;
  Mutex mutex_;
  CondVar changed_;
  std::size_t inside_ CHIRON_GUARDED_BY(mutex_) = 0;
};

}  // namespace chiron::promql
