#pragma once

#include "exporter/base/clock.h"

#include <string>

namespace chiron::testing {

/// The host's clocks with the wall clock set ahead: what was made a moment ago is as old as the shift, ctime
/// included, which nothing else can make old.
class ShiftedClock final : public Clock {
 public:
  explicit ShiftedClock(Duration shift)
      : shift_(std::chrono::duration_cast<std::chrono::milliseconds>(shift)) {}
  WallTime wall() const override { return system_clock().wall() + shift_; }
  BootTime boot() const override { return system_clock().boot(); }
  const std::string& boot_id() const override { return system_clock().boot_id(); }

 private:
  std::chrono::milliseconds shift_;
};

}  // namespace chiron::testing
