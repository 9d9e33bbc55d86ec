#include "agent/loop.h"

namespace chiron::agent {

Loop::Loop(Sampler& sampler, const Clock& clock, Duration interval, AfterPass after_pass)
    : sampler_(sampler), clock_(clock), interval_(interval), after_pass_(std::move(after_pass)) {}

Loop::~Loop() { stop(); }

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
    passed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Loop::want_frame() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  wake_.notify_all();
}

std::shared_ptr<const Page> Loop::fresh_page(Duration max_age, Duration wait) {
  std::unique_lock lock(mutex_);
  const BootTime oldest = clock_.boot() - max_age;
  if (last_ < oldest || passes_.load() == 0) {
    wanted_ = true;
    wake_.notify_all();
    passed_.wait_for(lock, wait, [&] { return stop_ || (last_ >= oldest && passes_.load() > 0); });
  }
  return sampler_.page();
}

Duration Loop::age() const { return clock_.boot().time_since_epoch() - Duration(last_ns_.load()); }

void Loop::run() {
  BootTime due = clock_.boot();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wanted_ = false;
    lock.unlock();
    const PassTime pass = sampler_.sample();
    lock.lock();
    // Scrapers waiting for the page need not wait for the rules.
    last_ = pass.boot;
    last_ns_ = pass.boot.time_since_epoch().count();
    passes_.fetch_add(1);
    passed_.notify_all();
    lock.unlock();
    after_pass_(pass);
    lock.lock();
    const BootTime now = clock_.boot();
    while (due <= now) due += interval_;
    wake_.wait_for(lock, due - now, [this] { return stop_ || wanted_; });
  }
}

}  // namespace chiron::agent
