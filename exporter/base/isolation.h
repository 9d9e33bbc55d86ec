#pragma once

#include "exporter/base/clock.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace chiron {

/// Runs functions that may hang, each on behalf of a named target, on threads of its own: at most one
/// function per target is running, a target that hangs is not tried again until it returns, and no other
/// target waits for it. An idle thread takes the next function, so that steady state makes no threads; one
/// that stays idle ends. Thread-safe. The destructor waits for nothing: a function that hangs keeps its
/// thread, and must own what it touches. What a function throws is dropped, and counts as returning.
class Isolation {
 public:
  enum class Outcome {
    done,  ///< the function returned in time
    late,  ///< it is still running; the target stays busy until it returns
    busy,  ///< an earlier function of this target is still running; this one was not started
    full,  ///< max_threads are all hung, or the kernel gives no more threads; not started
  };
  explicit Isolation(std::size_t max_threads = 32, Duration idle = std::chrono::seconds(10));
  ~Isolation();
  Isolation(const Isolation&) = delete;
  Isolation& operator=(const Isolation&) = delete;

  /// Runs `function` and waits for it, at most `wait`.
  Outcome run(const std::string& target, std::function<void()> function, Duration wait);
  /// Starts `function` without waiting: done means started here.
  Outcome start(const std::string& target, std::function<void()> function);
  bool busy(const std::string& target) const;
  /// Threads, working and idle.
  std::size_t threads() const;
  std::size_t running() const;

 private:
  struct Job;
  struct State;
  static void work(const std::shared_ptr<State>& state, std::shared_ptr<Job> job);
  std::shared_ptr<State> state_;
};

}  // namespace chiron
