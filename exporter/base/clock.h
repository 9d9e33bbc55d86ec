#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace chiron {

using Duration = std::chrono::nanoseconds;

/// CLOCK_BOOTTIME (clock_gettime(2)): never jumps, counts suspend. Durations, deadlines, cooldowns.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

/// CLOCK_REALTIME in milliseconds since the Unix epoch, Prometheus' resolution. May jump either way: for
/// people and for timestamps, never for durations.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Milliseconds since the Unix epoch, as sample timestamps are kept and as PromQL computes with them.
using TimestampMs = std::int64_t;
inline TimestampMs to_ms(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_ms(TimestampMs ms) { return WallTime(std::chrono::milliseconds(ms)); }

/// Where time comes from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual BootTime boot() const = 0;
  /// /proc/sys/kernel/random/boot_id (random(4)): tells whether two BootTimes may be compared.
  virtual const std::string& boot_id() const = 0;
};

/// The host's clocks.
const Clock& system_clock();

/// Longer than anything is waited for. A duration that a person wrote may reach 292 years, and would overflow
/// when it is added to a time.
inline constexpr Duration kLongestWait = std::chrono::hours(24 * 365);
/// `timeout` from now, at most kLongestWait, on the host's clock.
BootTime deadline_after(Duration timeout);

/// RFC 3339 in UTC with milliseconds: 2026-01-31T23:59:59.123Z.
std::string to_rfc3339(WallTime time);

}  // namespace chiron
