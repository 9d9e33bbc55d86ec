#pragma once

#include "exporter/base/clock.h"

namespace chiron {

/// Timestamps for samples: the wall clock, but never going backwards and never slower than the boot clock. A
/// wall clock set forward is followed at once (a machine without a clock battery that has just met its time
/// server); one set back is not, the timeline goes on at the pace of the boot clock until the wall clock has
/// caught up. Sampling thread only.
class Timeline {
 public:
  explicit Timeline(const Clock& clock);
  /// The timestamp of this instant.
  TimestampMs now();
  /// Milliseconds that the timeline is ahead of the wall clock; 0 normally.
  TimestampMs ahead() const { return ahead_; }

 private:
  TimestampMs boot_ms() const;

  const Clock& clock_;
  TimestampMs offset_;  // timeline minus boot clock; never shrinks
  TimestampMs ahead_ = 0;
};

}  // namespace chiron
