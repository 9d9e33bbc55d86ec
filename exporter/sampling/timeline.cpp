#include "exporter/sampling/timeline.h"

namespace chiron {

Timeline::Timeline(const Clock& clock) : clock_(clock), offset_(to_ms(clock.wall()) - boot_ms()) {}

TimestampMs Timeline::boot_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.boot().time_since_epoch()).count();
}

TimestampMs Timeline::now() {
  const TimestampMs boot = boot_ms();
  const TimestampMs wall = to_ms(clock_.wall());
  // Below two seconds the two clocks merely drift or were read apart: following each step down would repeat
  // timestamps, and following up is what keeps the drift from adding up.
  offset_ = std::max(offset_, wall - boot);
  ahead_ = boot + offset_ - wall;
  return boot + offset_;
}

}  // namespace chiron
