#include "rules/promql/query_gate.h"

#include <algorithm>
#include <chrono>

namespace chiron::promql {
namespace {

// A token has no condition variable to wait for together with the gate's.
constexpr Duration kLookAtToken = std::chrono::milliseconds(10);

}  // namespace

QueryGate::Turn::~Turn() {
  if (gate_ != nullptr) gate_->leave();
}

Result<QueryGate::Turn> QueryGate::enter(Duration timeout, const CancelToken* cancel) {
  const BootTime deadline = deadline_after(timeout);
  MutexLock lock(mutex_);
  while (inside_ >= most_) {
    if (cancel != nullptr && cancel->cancelled())
      return Error(ErrorCode::cancelled, "query was canceled in query queue");
    const Duration left = deadline - system_clock().boot();
    if (left <= Duration::zero()) return Error(ErrorCode::timed_out, "query timed out in query queue");
    changed_.wait_for(lock, cancel != nullptr ? std::min(left, kLookAtToken) : left);
  }
  ++inside_;
  return Turn(*this);
}

void QueryGate::leave() {
  {
    const MutexLock lock(mutex_);
    --inside_;
  }
  changed_.notify_one();
}

}  // namespace chiron::promql
