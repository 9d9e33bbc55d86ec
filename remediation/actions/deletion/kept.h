#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// Why a file that the globs match stays.
struct Kept {
  std::uint64_t young = 0;
  std::uint64_t newest = 0;        ///< among the newest of its directory, of which some are to stay
  std::uint64_t linked = 0;        ///< has other hard links: removing it would free nothing
  std::uint64_t is_protected = 0;  ///< and directories that are
  std::uint64_t in_use = 0;        ///< open or mapped by a process, or in a directory that is locked
  std::uint64_t untold = 0;        ///< who has it open cannot be told: no leases here, or no CAP_LEASE
  std::uint64_t changed = 0;       ///< not any more what was found
  std::uint64_t refused = 0;       ///< the kernel said no
  std::uint64_t other_mount = 0;   ///< directories
  std::uint64_t unvisited = 0;     ///< directories: not readable, too deep, or too many

  Kept& operator+=(const Kept& other);
};

/// kept_young=3, ...: those reasons that kept something.
std::vector<std::pair<std::string, std::string>> kept_facts(const Kept& kept);
/// "kept 3 too young, 1 in use"; empty when nothing was kept.
std::string describe(const Kept& kept);

}  // namespace chiron::remediation
