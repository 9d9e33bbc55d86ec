#include "exporter/base/isolation.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>

namespace chiron {

struct Isolation::Job {
  std::string target;
  std::function<void()> function;  // the working thread's alone once handed over
  bool finished = false;           // guarded by State::mutex
  std::condition_variable done;
};

/// Shared with every thread, so that a hung one may outlive the Isolation.
struct Isolation::State {
  State(std::size_t max, Duration idle_for) : max_threads(max), idle_limit(idle_for) {}

  const std::size_t max_threads;
  const Duration idle_limit;
  std::mutex mutex;
  std::condition_variable offered;
  // Guarded by mutex:
  std::deque<std::shared_ptr<Job>> waiting;  // never more than idle threads: each will be taken at once
  std::unordered_set<std::string> busy;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopping = false;
};

Isolation::Isolation(std::size_t max_threads, Duration idle)
    : state_(std::make_shared<State>(max_threads, idle)) {}

Isolation::~Isolation() {
  const std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->offered.notify_all();
}

void Isolation::work(const std::shared_ptr<State>& state, std::shared_ptr<Job> job) {
  std::unique_lock lock(state->mutex);
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
    job->done.notify_all();
    job.reset();
    ++state->idle;
    state->offered.wait_for(lock, state->idle_limit,
                            [&] { return !state->waiting.empty() || state->stopping; });
    --state->idle;
    if (state->waiting.empty()) break;
    job = std::move(state->waiting.front());
    state->waiting.pop_front();
  }
  --state->threads;
}

std::shared_ptr<Isolation::Job> Isolation::hand_over(const std::shared_ptr<State>& state,
                                                     const std::string& target,
                                                     std::function<void()> function, Outcome& outcome) {
  if (state->busy.contains(target)) {
    outcome = Outcome::busy;
    return nullptr;
  }
  auto job = std::make_shared<Job>();
  job->target = target;
  job->function = std::move(function);
  if (state->waiting.size() < state->idle) {
    state->waiting.push_back(job);
    state->offered.notify_one();
  } else {
    outcome = Outcome::full;
    if (state->threads >= state->max_threads) return nullptr;
    try {
      std::thread([state, job] { work(state, job); }).detach();
    } catch (const std::system_error&) {
      return nullptr;
    }
    ++state->threads;
  }
  state->busy.insert(target);
  outcome = Outcome::done;
  return job;
}

Isolation::Outcome Isolation::run(const std::string& target, std::function<void()> function, Duration wait) {
  const Duration bounded = std::min(wait, kLongestWait);
  Outcome outcome{};
  std::unique_lock lock(state_->mutex);
  const std::shared_ptr<Job> job = hand_over(state_, target, std::move(function), outcome);
  if (!job) return outcome;
  return job->done.wait_for(lock, bounded, [&job] { return job->finished; }) ? Outcome::done : Outcome::late;
}

Isolation::Outcome Isolation::start(const std::string& target, std::function<void()> function) {
  Outcome outcome{};
  const std::lock_guard lock(state_->mutex);
  hand_over(state_, target, std::move(function), outcome);
  return outcome;
}

bool Isolation::busy(const std::string& target) const {
  const std::lock_guard lock(state_->mutex);
  return state_->busy.contains(target);
}

std::size_t Isolation::threads() const {
  const std::lock_guard lock(state_->mutex);
  return state_->threads;
}

std::size_t Isolation::running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->busy.size();
}

}  // namespace chiron
