#pragma once

#include "exporter/base/parse.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace chiron {

// What the accounting files of control groups say (kernel documents cgroup-v1/ and cgroup-v2.rst), for all
// who read them. What does not follow the format is no value; nothing is allocated.

/// One number and blanks around it; none for "max" and nonsense.
inline std::optional<double> cgroup_number(std::string_view text) {
  const auto value = parse_int<std::uint64_t>(trim(text));
  return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
}

/// The number in a unit of the kernel's turned into one of ours.
inline std::optional<double> cgroup_number(std::string_view text, double unit) {
  const std::optional<double> value = cgroup_number(text);
  return value ? std::optional<double>(*value * unit) : std::nullopt;
}

inline constexpr double kCgroupMicrosecond = 1e-6;  ///< of cpu.stat of v2
inline constexpr double kCgroupNanosecond = 1e-9;   ///< of cpuacct.usage, and of cpu.stat of v1
inline constexpr double kCgroupTick = 0.01;         ///< of cpuacct.stat: USER_HZ, as CpuTicks has it

/// Lines "KEY NUMBER" (cpu.stat, cpuacct.stat, memory.stat, memory.events): found(key, text of the number).
template <class Found>
void each_cgroup_key(std::string_view text, Found&& found) {
  std::string_view line, key;
  while (next_line(text, line)) {
    if (next_word(line, key)) found(key, line);
  }
}

/// Whether it is MAJOR:MINOR.
inline bool is_cgroup_device(std::string_view text) {
  std::string_view major;
  return next_field(text, ':', major) && parse_int<std::uint32_t>(major) && parse_int<std::uint32_t>(text);
}

enum class BlockCount { read_bytes, written_bytes, reads, writes };

/// io.stat of v2, lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0": found(device, BlockCount,
/// number).
template <class Found>
void each_io_stat(std::string_view text, Found&& found) {
  std::string_view line, device, word, key;
  while (next_line(text, line)) {
    if (!next_word(line, device) || !is_cgroup_device(device)) continue;
    while (next_word(line, word)) {
      if (!next_field(word, '=', key)) continue;
      const std::optional<double> value = cgroup_number(word);
      if (!value) continue;
      if (key == "rbytes") found(device, BlockCount::read_bytes, *value);
      if (key == "wbytes") found(device, BlockCount::written_bytes, *value);
      if (key == "rios") found(device, BlockCount::reads, *value);
      if (key == "wios") found(device, BlockCount::writes, *value);
    }
  }
}

/// blkio.throttle.* of v1, lines "8:0 Read 1" and of other operations, at the end "Total 3": found(device,
/// is_write, number).
template <class Found>
void each_blkio(std::string_view text, Found&& found) {
  std::string_view line, device, operation;
  while (next_line(text, line)) {
    if (!next_word(line, device) || !next_word(line, operation) || !is_cgroup_device(device)) continue;
    const bool is_write = operation == "Write";
    if (!is_write && operation != "Read") continue;
    if (const std::optional<double> value = cgroup_number(line)) found(device, is_write, *value);
  }
}

/// What v1 counted of I/O. With the groups below, as v2 and every other controller count; older kernels have
/// only the file without them.
struct BlkioFile {
  const char* recursive;
  const char* own;
};
inline constexpr BlkioFile kBlkioBytes{"blkio.throttle.io_service_bytes_recursive",
                                       "blkio.throttle.io_service_bytes"};
inline constexpr BlkioFile kBlkioOperations{"blkio.throttle.io_serviced_recursive",
                                            "blkio.throttle.io_serviced"};

}  // namespace chiron
