#include "agent/loop.h"

#include <algorithm>

namespace chiron::agent {

Loop::Loop(Sampler& sampler, const Clock& clock, Duration interval, AfterPass after_pass, Pulse pulse)
    : sampler_(sampler),
      clock_(clock),
      interval_(interval),
      after_pass_(std::move(after_pass)),
      pulse_(std::move(pulse)) {}

Loop::~Loop() { stop(); }

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_all();
    passed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Loop::want_frame() {
  {
    const MutexLock lock(mutex_);
    needed_ = clock_.boot();
  }
  wake_.notify_all();
}

std::shared_ptr<const Page> Loop::fresh_page(Duration max_age, Duration wait) {
  {
    MutexLock lock(mutex_);
    const BootTime oldest = clock_.boot() - max_age;
    if (last_ < oldest || passes_.load() == 0) {
      needed_ = std::max(needed_, oldest);
      // Not under the mutex, which the loop would wake up to wait for.
      lock.unlock();
      wake_.notify_all();
      lock.lock();
      passed_.wait_for(lock, wait, [&]() CHIRON_REQUIRES(mutex_) {
        return stop_ || (last_ >= oldest && passes_.load() > 0);
      });
    }
  }
  return sampler_.page();
}

Duration Loop::age() const { return clock_.boot().time_since_epoch() - Duration(last_ns_.load()); }

void Loop::beat() const {
  if (pulse_.every > Duration::zero()) pulse_.beat();
}

void Loop::pass() {
  const PassTime pass = sampler_.sample();
  {
    const MutexLock lock(mutex_);
    last_ = pass.boot;
    last_ns_ = pass.boot.time_since_epoch().count();
    passes_.fetch_add(1);
  }
  // Scrapers waiting for the page need not wait for the rules.
  passed_.notify_all();
  after_pass_(pass);
}

bool Loop::wait_until(BootTime due) {
  for (;;) {
    {
      MutexLock lock(mutex_);
      Duration left = due - clock_.boot();
      const bool idle = pulse_.every > Duration::zero() && pulse_.every < left;
      if (idle) left = pulse_.every;
      wake_.wait_for(lock, left, [this]() CHIRON_REQUIRES(mutex_) { return stop_ || is_wanted(); });
      if (stop_) return false;
      if (is_wanted() || !idle) return true;
    }
    beat();
  }
}

void Loop::run() {
  BootTime due = clock_.boot();
  while (wait_until(due)) {
    pass();
    beat();
    for (const BootTime now = clock_.boot(); due <= now;) due += interval_;
  }
}

}  // namespace chiron::agent
