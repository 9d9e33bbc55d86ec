#include "agent/promapi/query_gate.h"

#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace chiron::agent::promapi {
namespace {

/// How often somebody looks whether the client is still there.
constexpr Duration kLook = std::chrono::milliseconds(100);
/// A tenth of the processor time of a thread that samples, when both want it (sched(7)).
constexpr int kNiceness = 10;

void prefer_others() {
  // Niceness is a matter of threads on Linux (setpriority(2), "C library/kernel differences"). Should it be
  // refused, the query runs all the same.
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness));
}

}  // namespace

Status QueryGate::run(Duration timeout, const std::function<bool()>& gone,
                      const std::function<void(const CancelToken&)>& work) {
  const BootTime deadline = deadline_after(timeout);
  Turn turn;
  if (Status entered = enter(deadline, gone, turn); !entered.ok()) return entered;
  Status status;
  std::thread thread;
  try {
    thread = std::thread([&] {
      prefer_others();
      try {
        work(turn.token);
      } catch (const std::exception& fault) {
        status = Error(ErrorCode::internal, fmt::format("the query failed: {}", fault.what()));
      }
      leave(turn);
    });
  } catch (const std::system_error& fault) {
    leave(turn);
    return Error(ErrorCode::unavailable, fmt::format("no thread to spare for a query: {}", fault.what()));
  }
  watch(deadline, gone, turn);
  thread.join();
  return status;
}

Status QueryGate::enter(BootTime deadline, const std::function<bool()>& gone, Turn& turn) {
  MutexLock lock(mutex_);
  if (!stopped_ && running_.size() >= options_.most && waiting_ >= options_.waiting) {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} queries run and {} wait already (--query.max-concurrency); try again later",
                             running_.size(), waiting_));
  }
  ++waiting_;
  Status status;
  while (status.ok() && (stopped_ || running_.size() >= options_.most)) {
    if (stopped_) {
      status = Error(ErrorCode::unavailable, "the agent is stopping");
    } else if (system_clock().boot() >= deadline) {
      status = Error(ErrorCode::timed_out, "query timed out in query queue");
    } else if (!changed_.wait_for(lock, std::min<Duration>(kLook, deadline - system_clock().boot()),
                                  [this]() CHIRON_REQUIRES(mutex_) {
                                    return stopped_ || running_.size() < options_.most;
                                  })) {
      lock.unlock();
      const bool left = gone && gone();
      lock.lock();
      if (left) status = Error(ErrorCode::cancelled, "query was canceled in query queue");
    }
  }
  --waiting_;
  if (status.ok()) running_.insert(&turn);
  return status;
}

void QueryGate::leave(Turn& turn) {
  const MutexLock lock(mutex_);
  running_.erase(&turn);
  turn.done = true;
  changed_.notify_all();
}

void QueryGate::watch(BootTime deadline, const std::function<bool()>& gone, Turn& turn) {
  MutexLock lock(mutex_);
  bool cancelled = false;
  while (!changed_.wait_for(lock, kLook, [&]() CHIRON_REQUIRES(mutex_) { return turn.done; })) {
    if (cancelled) continue;
    lock.unlock();
    cancelled = system_clock().boot() >= deadline || (gone && gone());
    if (cancelled) turn.token.cancel();
    lock.lock();
  }
}

void QueryGate::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (Turn* turn : running_) turn->token.cancel();
  changed_.notify_all();
}

}  // namespace chiron::agent::promapi
