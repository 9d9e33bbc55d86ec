#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chiron {

/// The columns of /proc/net/dev, unchanged since Linux 2.2 (net/core/net-procfs.c): eight of what was
/// received, eight of what was sent.
enum NetColumn : std::size_t {
  kReceiveBytes,
  kReceivePackets,
  kReceiveErrors,
  kReceiveDrops,
  kTransmitBytes = 8,
  kTransmitPackets,
  kTransmitErrors,
  kTransmitDrops,
  kNetColumns = 16
};

/// A line of that file; of the two headings at its top, neither is one.
struct NetCounters {
  std::string_view device;  ///< "" when the line has none
  std::optional<std::array<std::uint64_t, kNetColumns>> values;
};
NetCounters parse_net_counters(std::string_view line);

}  // namespace chiron
