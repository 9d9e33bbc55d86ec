#include "agent/state_saver.h"

namespace chiron::agent {

StateSaver::StateSaver(Write write, EventLog& log)
    : write_(std::move(write)), log_(log), thread_([this] { run(); }) {}

StateSaver::~StateSaver() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

bool StateSaver::due(bool changed, bool any, BootTime now) {
  if (!changed && !(any && now - last_due_ > kAge)) return false;
  last_due_ = now;
  return true;
}

void StateSaver::save(std::string state) {
  const MutexLock lock(mutex_);
  waiting_ = std::move(state);
  changed_.notify_all();
}

std::optional<std::string> StateSaver::next() {
  MutexLock lock(mutex_);
  changed_.wait(lock, [this]() CHIRON_REQUIRES(mutex_) { return stop_ || waiting_.has_value(); });
  return std::exchange(waiting_, std::nullopt);
}

void StateSaver::run() {
  bool failing = false;
  while (const std::optional<std::string> state = next()) {
    const Status written = write_(*state);
    if (!written.ok() && !failing) {
      log_.warning("alert progress not saved", {{"error", written.error().to_string()}});
    }
    failing = !written.ok();
  }
}

}  // namespace chiron::agent
