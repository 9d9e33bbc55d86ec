#pragma once

#include "exporter/base/clock.h"

#include <mutex>
#include <string>

namespace chiron::testing {

/// Both clocks under the test's hand; wall() can jump without boot(). Thread-safe.
class FakeClock final : public Clock {
 public:
  WallTime wall() const override {
    const std::lock_guard lock(mutex_);
    return wall_;
  }
  BootTime boot() const override {
    const std::lock_guard lock(mutex_);
    boot_ += look_;
    return boot_;
  }
  const std::string& boot_id() const override { return boot_id_; }

  /// Time passes on both clocks.
  void advance(Duration by) {
    const std::lock_guard lock(mutex_);
    boot_ += by;
    wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }
  /// Each look at the boot clock takes so long from now on.
  void slow_down(Duration look) {
    const std::lock_guard lock(mutex_);
    look_ = look;
  }
  /// Somebody sets the wall clock.
  void jump_wall(Duration by) {
    const std::lock_guard lock(mutex_);
    wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  }
  /// The machine restarts: the boot clock begins at `uptime`, with another boot id.
  void reboot(std::string boot_id, Duration uptime) {
    const std::lock_guard lock(mutex_);
    boot_id_ = std::move(boot_id);
    boot_ = BootTime(uptime);
  }

 private:
  mutable std::mutex mutex_;
  WallTime wall_ = from_ms(1'700'000'000'000);
  mutable BootTime boot_ = BootTime(std::chrono::hours(1));
  Duration look_{};
  std::string boot_id_ = "boot-1";
};

}  // namespace chiron::testing
