#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/sampling/sampler.h"
#include "exporter/series/self_metrics.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace chiron::agent {

/// The sampling loop: on its own thread, at every interval and when somebody asks for a fresh frame, takes a
/// pass and hands it on (rules, remedies). Nothing in it waits for an action.
class Loop {
 public:
  /// Called after each pass on the loop's thread; must not block.
  using AfterPass = std::function<void(PassTime)>;
  /// Called on the loop's thread after each pass and, between two, at least every so often: proof that the
  /// loop lives, whatever its interval. Zero: never.
  struct Pulse {
    Duration every;
    std::function<void()> beat;
  };

  Loop(Sampler& sampler, const Clock& clock, Duration interval, AfterPass after_pass,
       Pulse pulse = Pulse{Duration::zero(), nullptr});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();
  /// Ends after the pass at hand.
  void stop() CHIRON_EXCLUDES(mutex_);

  /// Makes the loop take a pass soon, beside one that is under way. Any thread.
  void want_frame() CHIRON_EXCLUDES(mutex_);
  /// The page of a pass that is at most `max_age` old, taken now if need be, together for all who ask. When
  /// the loop does not get there before `wait` is over: the last page there is. Null before the first pass.
  std::shared_ptr<const Page> fresh_page(Duration max_age, Duration wait) CHIRON_EXCLUDES(mutex_);
  /// Passes so far: growing when the loop makes progress.
  std::uint64_t passes() const { return passes_.load(); }
  /// How long ago the last pass was taken.
  Duration age() const;

 private:
  void run() CHIRON_EXCLUDES(mutex_);
  void pass() CHIRON_EXCLUDES(mutex_);
  /// Until a pass is due, wanted, or the loop is to end: then false.
  bool wait_until(BootTime due) CHIRON_EXCLUDES(mutex_);
  bool is_wanted() const CHIRON_REQUIRES(mutex_) { return last_ < needed_; }
  void beat() const;

  Sampler& sampler_;
  const Clock& clock_;
  const Duration interval_;
  const AfterPass after_pass_;
  const Pulse pulse_;

  Mutex mutex_;
  CondVar wake_, passed_;
  bool stop_ CHIRON_GUARDED_BY(mutex_) = false;
  BootTime last_ CHIRON_GUARDED_BY(mutex_){};
  BootTime needed_ CHIRON_GUARDED_BY(mutex_) = BootTime::min();  ///< somebody wants a pass that is not older
  std::atomic<std::uint64_t> passes_{0};
  std::atomic<std::int64_t> last_ns_{0};
  std::thread thread_;
};

}  // namespace chiron::agent
