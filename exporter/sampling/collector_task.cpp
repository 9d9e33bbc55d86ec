#include "exporter/sampling/collector_task.h"

#include "exporter/base/thread_annotations.h"

namespace chiron {
namespace {

/// What a collection that is under way when its task ends may still take.
constexpr std::chrono::seconds kLastWait{1};

}  // namespace

struct CollectorTask::Shared {
  Shared(std::unique_ptr<Collector> c, std::size_t limit, const Clock& k)
      : collector(std::move(c)), series_limit(limit), clock(k) {}

  /// Of a collector that is not running.
  bool can_hang_now() const {
    try {
      return collector->can_hang_now();
    } catch (...) {
      return true;  // collect() will say what is wrong
    }
  }

  const std::unique_ptr<Collector> collector;
  const std::size_t series_limit;
  const Clock& clock;
  Collected working;  // the running collection's; nobody else looks while `running`

  Mutex mutex;
  CondVar changed;
  Collected finished CHIRON_GUARDED_BY(mutex);
  bool running CHIRON_GUARDED_BY(mutex) = false;
  bool handed_over CHIRON_GUARDED_BY(mutex) = false;  // to the thread, while running
  bool has_result CHIRON_GUARDED_BY(mutex) = false;
  bool stop CHIRON_GUARDED_BY(mutex) = false;
};

CollectorTask::CollectorTask(std::unique_ptr<Collector> collector, bool own_thread, std::size_t series_limit,
                             const Clock& clock)
    : shared_(std::make_shared<Shared>(std::move(collector), series_limit, clock)), own_thread_(own_thread) {
  if (!own_thread_) return;
  std::thread([shared = shared_] {
    MutexLock lock(shared->mutex);
    for (;;) {
      shared->changed.wait(
          lock, [&]() CHIRON_REQUIRES(shared->mutex) { return shared->handed_over || shared->stop; });
      if (shared->stop) return;
      lock.unlock();
      run_collector(*shared);
      lock.lock();
    }
  }).detach();
}

CollectorTask::~CollectorTask() {
  MutexLock lock(shared_->mutex);
  shared_->changed.wait_for(lock, kLastWait,
                            [this]() CHIRON_REQUIRES(shared_->mutex) { return !shared_->running; });
  shared_->stop = true;
  shared_->changed.notify_all();
}

void CollectorTask::run_collector(Shared& shared) {
  Collected& work = shared.working;
  work.frame.clear();
  work.frame.set_limit(shared.series_limit);
  const BootTime begin = shared.clock.boot();
  try {
    work.status = shared.collector->collect(work.frame);
  } catch (const std::exception& fault) {
    work.status = Error(ErrorCode::internal, std::string("the collector threw: ") + fault.what());
  } catch (...) {
    work.status = Error(ErrorCode::internal, "the collector threw something that is no exception");
  }
  work.at = shared.clock.boot();
  work.duration = work.at - begin;
  bool is_awaited = false;
  {
    const MutexLock lock(shared.mutex);
    std::swap(shared.working, shared.finished);
    shared.has_result = true;
    shared.running = false;
    is_awaited = std::exchange(shared.handed_over, false);
  }
  if (is_awaited) shared.changed.notify_all();
}

void CollectorTask::start() {
  bool inline_run = false;
  {
    const MutexLock lock(shared_->mutex);
    if (shared_->running) return;
    shared_->running = true;
    inline_run = !own_thread_ || !shared_->can_hang_now();
    shared_->handed_over = !inline_run;
  }
  // Not under the mutex, which the thread would wake up to wait for.
  if (inline_run) {
    run_collector(*shared_);
  } else {
    shared_->changed.notify_all();
  }
}

bool CollectorTask::wait_until(BootTime deadline) {
  MutexLock lock(shared_->mutex);
  const Duration left = std::max(Duration::zero(), deadline - shared_->clock.boot());
  return shared_->changed.wait_for(lock, left,
                                   [this]() CHIRON_REQUIRES(shared_->mutex) { return !shared_->running; });
}

bool CollectorTask::take(Collected& out) {
  const MutexLock lock(shared_->mutex);
  if (!shared_->has_result) return false;
  shared_->has_result = false;
  std::swap(out, shared_->finished);
  return true;
}

}  // namespace chiron
