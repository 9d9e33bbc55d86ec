#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chiron {

/// The ten columns of a cpu line of /proc/stat (proc(5)), in ticks of 1/100 s (USER_HZ is 100 on all
/// architectures that are left).
enum CpuColumn : std::size_t {
  kUser,
  kNice,
  kSystem,
  kIdle,
  kIowait,
  kIrq,
  kSoftirq,
  kSteal,
  kGuest,
  kGuestNice
};
using CpuTicks = std::array<std::uint64_t, 10>;

/// What follows the name of a cpu line. Old kernels have fewer columns (four at least), the others are 0.
std::optional<CpuTicks> parse_cpu_ticks(std::string_view columns);

/// Keeps the ticks of one CPU from going backwards: idle and iowait do by a little on a live kernel
/// (kernel: Documentation/filesystems/proc.rst), which rate() would take for a restart. When idle falls by
/// more than three seconds the CPU was really taken away and brought back, and all begin again.
class SteadyTicks {
 public:
  const CpuTicks& update(const CpuTicks& now);

 private:
  CpuTicks kept_{};
};

}  // namespace chiron
