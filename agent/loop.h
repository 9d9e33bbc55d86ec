#pragma once

#include "exporter/base/clock.h"
#include "exporter/sampling/sampler.h"
#include "exporter/series/self_metrics.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace chiron::agent {

/// The sampling loop: on its own thread, at every interval and when somebody asks for a fresh frame, takes a
/// pass and hands it on (rules, remedies). Nothing in it waits for an action.
class Loop {
 public:
  /// Called after each pass on the loop's thread; must not block.
  using AfterPass = std::function<void(PassTime)>;

  Loop(Sampler& sampler, const Clock& clock, Duration interval, AfterPass after_pass);
  ~Loop();

  void start();
  /// Ends after the pass at hand.
  void stop();

  /// Makes the loop take a pass soon. Any thread.
  void want_frame();
  /// The page of a pass that is at most `max_age` old, taken now if need be, together for all who ask. When
  /// the loop does not get there before `wait` is over: the last page there is. Null before the first pass.
  std::shared_ptr<const Page> fresh_page(Duration max_age, Duration wait);
  /// Passes begun and ended so far: equal and growing when the loop makes progress.
  std::uint64_t passes() const { return passes_.load(); }
  /// How long ago the last pass was taken.
  Duration age() const;

 private:
  void run();

  Sampler& sampler_;
  const Clock& clock_;
  const Duration interval_;
  const AfterPass after_pass_;

  std::mutex mutex_;
  std::condition_variable wake_, passed_;
  bool wanted_ = false;  // guarded by mutex_
  bool stop_ = false;    // guarded by mutex_
  BootTime last_{};      // guarded by mutex_
  std::atomic<std::uint64_t> passes_{0};
  std::atomic<std::int64_t> last_ns_{0};
  std::thread thread_;
};

}  // namespace chiron::agent
