#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "exporter/base/clock.h"

namespace chiron {

/// Runs functions that may hang, each on behalf of a named target, on threads of its own: at most one function per
/// target is running, a target that hangs is not tried again until it returns, and no other target waits for it.
/// An idle thread takes the next function, so that steady state makes no threads. Thread-safe.
/// The destructor waits for nothing: a function that hangs keeps its thread, and must own what it touches.
class Isolation {
 public:
  enum class Outcome {
    done,  ///< the function returned in time
    late,  ///< it is still running; the target stays busy until it returns
    busy,  ///< an earlier function of this target is still running; this one was not started
    full,  ///< max_threads are all hung; not started
  };
  explicit Isolation(std::size_t max_threads = 32);
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
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace chiron
