#include "remediation/ledger/serial.h"

#include <fmt/format.h>
#include <pthread.h>

namespace chiron::remediation {
namespace {

// More than this many callers waiting means that the disk has stopped answering.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

struct Serial::State {
  struct Job {
    std::function<Status(const StillWaited&)> function;
    Late late = Late::drop;
    bool abandoned = false;
    std::optional<Status> outcome;
  };
  std::string name;
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex.
  std::deque<std::shared_ptr<Job>> queue;
  bool stopping = false;
  bool ended = false;

  static void loop(const std::shared_ptr<State>& self) {
    ::pthread_setname_np(::pthread_self(), self->name.substr(0, 15).c_str());
    std::unique_lock lock(self->mutex);
    while (true) {
      self->changed.wait(lock, [&] { return self->stopping || !self->queue.empty(); });
      if (self->queue.empty()) break;
      const std::shared_ptr<Job> job = self->queue.front();
      self->queue.pop_front();
      if (job->abandoned && job->late == Late::drop) continue;
      const StillWaited waited = [&self, &job] {
        const std::lock_guard inner(self->mutex);
        return !job->abandoned;
      };
      lock.unlock();
      Status outcome = job->function(waited);
      // The closure holds the database; the last one to let go of it must not be a caller.
      job->function = nullptr;
      lock.lock();
      job->outcome = std::move(outcome);
      self->changed.notify_all();
    }
    self->ended = true;
    self->changed.notify_all();
  }
};

Serial::Serial(std::string name) : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  std::thread([state = state_] { State::loop(state); }).detach();
}

Serial::~Serial() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, grace_, [&] { return state_->ended; });
}

Status Serial::call(std::function<Status(const StillWaited&)> function, Late late, Duration wait) {
  const auto job = std::make_shared<State::Job>();
  job->function = std::move(function);
  job->late = late;
  std::unique_lock lock(state_->mutex);
  if (state_->queue.size() >= kMaxWaiting) {
    return Error(
        ErrorCode::unavailable,
        fmt::format("{}: {} writes are waiting for a disk that does not answer", state_->name, kMaxWaiting));
  }
  state_->queue.push_back(job);
  state_->changed.notify_all();
  if (!state_->changed.wait_for(lock, wait, [&] { return job->outcome.has_value(); })) {
    job->abandoned = true;
    const double seconds = std::chrono::duration<double>(wait).count();
    return Error(ErrorCode::timed_out,
                 fmt::format("{}: no answer from the disk within {}s", state_->name, seconds));
  }
  return std::move(*job->outcome);
}

}  // namespace chiron::remediation
