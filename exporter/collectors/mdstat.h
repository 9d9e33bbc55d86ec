#pragma once

#include "exporter/collectors/problems.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace chiron {

/// A RAID array as /proc/mdstat tells of it. The name is a view into the text.
struct MdArray {
  enum class State { active, inactive, recovering, resync, check, other };
  std::string_view name;
  State state = State::other;
  std::uint64_t required = 0;  ///< disks
  std::uint64_t active = 0;
  std::uint64_t failed = 0;
  std::uint64_t spare = 0;
  std::uint64_t blocks = 0;  ///< of 1,024 bytes
  std::uint64_t synced = 0;  ///< blocks; all of them while no synchronisation runs or waits
};

/// The arrays of `text` (Documentation/admin-guide/md.rst; drivers/md/md.c, md_seq_show). One that does not
/// follow the format is a problem and left out.
void parse_mdstat(std::string_view text, std::string_view file, std::vector<MdArray>& arrays,
                  Problems& problems);

}  // namespace chiron
