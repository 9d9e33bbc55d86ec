#pragma once

#include "remediation/actions/deletion/candidate.h"

#include <cstdint>
#include <string>

namespace chiron::remediation {

/// What became of one file.
struct Removal {
  enum class Outcome {
    removed,
    gone,  ///< somebody else was faster
    kept,  ///< counted in `kept`
  };
  Outcome outcome = Outcome::kept;
  std::uint64_t bytes = 0;  ///< freed; 0 when somebody made another link at the last moment
  bool last_link = false;   ///< the inode is free as well
  std::string error;        ///< when the kernel refused
};

/// Removes one file, if it still is what was found and still may be removed: its directory is opened anew
/// below the root, the file is compared with what was found, and its age, links and users are looked at
/// again. The name is taken away with unlinkat(2) on that directory. `only_look`: all the same but the last
/// step; removed means it would be.
Removal remove_file(const SafeTree& tree, const FoundFiles& found, const Candidate& file, const AgeRule& age,
                    const Clock& clock, bool only_look, Kept& kept);

}  // namespace chiron::remediation
