#include "exporter/base/isolation.h"

#include "exporter/base/thread_annotations.h"

#include <algorithm>
#include <deque>
#include <system_error>
#include <thread>
#include <unordered_set>

namespace chiron {

struct Isolation::Job {
  std::string target;
  std::function<void()> function;  // the working thread's alone once handed over
  bool finished = false;           // guarded by the mutex of the State, which a job does not know
  CondVar done;
};

/// Shared with every thread, so that a hung one may outlive the Isolation.
struct Isolation::State {
  State(std::size_t max, Duration idle_for) : max_threads(max), idle_limit(idle_for) {}

  /// The job that was handed to a thread, or null and why not. `self` is this State, for a new thread. The
  /// caller notifies `offered`, when it no longer holds the mutex: an idle thread would wake up to wait for
  /// it.
  std::shared_ptr<Job> hand_over(const std::shared_ptr<State>& self, const std::string& target,
                                 std::function<void()> function, Outcome& outcome) CHIRON_REQUIRES(mutex);

  const std::size_t max_threads;
  const Duration idle_limit;
  Mutex mutex;
  CondVar offered;
  // Never more than idle threads: each will be taken at once.
  std::deque<std::shared_ptr<Job>> waiting CHIRON_GUARDED_BY(mutex);
  std::unordered_set<std::string> busy CHIRON_GUARDED_BY(mutex);
  std::size_t threads CHIRON_GUARDED_BY(mutex) = 0;
  std::size_t idle CHIRON_GUARDED_BY(mutex) = 0;
  bool stopping CHIRON_GUARDED_BY(mutex) = false;
};

Isolation::Isolation(std::size_t max_threads, Duration idle)
    : state_(std::make_shared<State>(max_threads, idle)) {}

Isolation::~Isolation() {
  const MutexLock lock(state_->mutex);
  state_->stopping = true;
  state_->offered.notify_all();
}

void Isolation::work(const std::shared_ptr<State>& state, std::shared_ptr<Job> job) {
  MutexLock lock(state->mutex);
  for (;;) {
    lock.unlock();
    try {
      job->function();
    } catch (...) {
      // Only third-party code throws, and there is nobody here to tell.
    }
    job->function = nullptr;  // what it holds is released before the target counts as free
    lock.lock();
    state->busy.erase(job->target);
    job->finished = true;
    ++state->idle;
    // Not under the mutex, which the waiter would wake up to wait for.
    lock.unlock();
    job->done.notify_all();
    job.reset();
    lock.lock();
    state->offered.wait_for(lock, state->idle_limit, [&]() CHIRON_REQUIRES(state->mutex) {
      return !state->waiting.empty() || state->stopping;
    });
    --state->idle;
    if (state->waiting.empty()) break;
    job = std::move(state->waiting.front());
    state->waiting.pop_front();
  }
  --state->threads;
}

std::shared_ptr<Isolation::Job> Isolation::State::hand_over(const std::shared_ptr<State>& self,
                                                            const std::string& target,
                                                            std::function<void()> function,
                                                            Outcome& outcome) {
  if (busy.contains(target)) {
    outcome = Outcome::busy;
    return nullptr;
  }
  auto job = std::make_shared<Job>();
  job->target = target;
  job->function = std::move(function);
  if (waiting.size() < idle) {
    waiting.push_back(job);
  } else {
    outcome = Outcome::full;
    if (threads >= max_threads) return nullptr;
    try {
      std::thread([self, job] { work(self, job); }).detach();
    } catch (const std::system_error&) {
      return nullptr;
    }
    ++threads;
  }
  busy.insert(target);
  outcome = Outcome::done;
  return job;
}

Isolation::Outcome Isolation::run(const std::string& target, std::function<void()> function, Duration wait) {
  const Duration bounded = std::min(wait, kLongestWait);
  Outcome outcome{};
  MutexLock lock(state_->mutex);
  const std::shared_ptr<Job> job = state_->hand_over(state_, target, std::move(function), outcome);
  if (!job) return outcome;
  lock.unlock();
  state_->offered.notify_one();
  lock.lock();
  return job->done.wait_for(lock, bounded, [&job] { return job->finished; }) ? Outcome::done : Outcome::late;
}

Isolation::Outcome Isolation::start(const std::string& target, std::function<void()> function) {
  Outcome outcome{};
  {
    const MutexLock lock(state_->mutex);
    state_->hand_over(state_, target, std::move(function), outcome);
  }
  state_->offered.notify_one();
  return outcome;
}

bool Isolation::busy(const std::string& target) const {
  const MutexLock lock(state_->mutex);
  return state_->busy.contains(target);
}

std::size_t Isolation::threads() const {
  const MutexLock lock(state_->mutex);
  return state_->threads;
}

std::size_t Isolation::running() const {
  const MutexLock lock(state_->mutex);
  return state_->busy.size();
}

}  // namespace chiron
