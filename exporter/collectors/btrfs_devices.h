#pragma once

#include "exporter/base/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// What a Btrfs counts against a device, in the order of BTRFS_DEV_STAT_* (include/uapi/linux/btrfs.h).
inline constexpr std::array<std::string_view, 5> kBtrfsErrors = {"write", "read", "flush", "corruption",
                                                                 "generation"};

/// A device of a mounted Btrfs. sysfs has neither its identity nor how much of it is unused.
struct BtrfsDevice {
  std::uint64_t id = 0;
  std::string uuid;
  std::string name;  ///< "sda", without the directory; empty for a device that is missing
  std::uint64_t size = 0;
  std::uint64_t used = 0;  ///< given to block groups
  std::array<std::uint64_t, kBtrfsErrors.size()> errors{};
};

/// Asks the file system mounted at `mountpoint`; waits for its disks, if they hang. Devices by their number.
/// ErrorCode::not_found: what is mounted there is not the Btrfs with this UUID ("0abb23a9-579b-...").
Result<std::vector<BtrfsDevice>> btrfs_devices(const std::string& mountpoint, std::string_view uuid);

}  // namespace chiron
