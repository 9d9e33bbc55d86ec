#include "agent/state_saver.h"

namespace chiron::agent {

StateSaver::StateSaver(Write write, EventLog& log)
    : write_(std::move(write)), log_(log), thread_([this] { run(); }) {}

StateSaver::~StateSaver() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void StateSaver::save(std::string state) {
  const std::lock_guard lock(mutex_);
  waiting_ = std::move(state);
  changed_.notify_all();
}

void StateSaver::run() {
  bool failing = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || waiting_.has_value(); });
    if (!waiting_) return;
    const std::string state = *std::move(waiting_);
    waiting_.reset();
    lock.unlock();
    const Status written = write_(state);
    if (!written.ok() && !failing)
      log_.warning("alert progress not saved", {{"error", written.error().to_string()}});
    failing = !written.ok();
    lock.lock();
  }
}

}  // namespace chiron::agent
