#pragma once

#include "exporter/base/clock.h"
#include "remediation/actions/deletion/guard.h"
#include "remediation/actions/deletion/kept.h"
#include "remediation/actions/deletion/safe_tree.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace chiron::remediation {

/// Which time stamps say how old a file is; the youngest of them counts.
struct AgeRule {
  Duration minimum{};
  bool changed =
      true;  ///< ctime: also a rename, a new owner or mode, or arriving with an old mtime makes it young
  bool accessed = false;  ///< atime: reading makes it young
};

/// What to look for.
struct Selection {
  std::vector<PathGlob> globs;  ///< any of
  AgeRule age;
  off_t larger_than = -1;              ///< in bytes of content; -1 takes empty files too
  std::size_t keep_newest = 0;         ///< of each directory's matches, by mtime; young ones count
  std::vector<std::string> without{};  ///< directories that another walk looks into
};

/// A file found, and by what it is known again.
struct Candidate {
  std::uint32_t directory = 0;  ///< index into FoundFiles::directories
  std::string name;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::uint64_t bytes = 0;  ///< allocated: st_blocks * 512
  timespec modified{}, changed{};
  Duration stamp{};  ///< since the epoch, the youngest of the times that count
};

struct FoundFiles {
  std::vector<std::string> directories;  ///< relative to the root
  std::vector<Candidate> files;          ///< the oldest first
  Kept kept;
  std::uint64_t matched_bytes = 0;  ///< allocated to all that match and are not protected, kept ones too
  bool complete = true;             ///< false: there were more than the limit, these are the oldest of them
  bool exhausted = false;           ///< the budget of entries was used up: part was not looked at
};

/// Shared by all walks of one action.
struct WalkBudget {
  std::uint64_t entries_left = 5'000'000;
  std::size_t most_files = 50'000;     ///< candidates held at a time
  std::size_t most_pending = 100'000;  ///< directories known and not yet read
  std::size_t most_depth = 256;        ///< directories below the start; deeper ones are not looked at
  std::function<bool()> should_stop;
};

/// Walks `start` (relative to the tree's root) without following links or crossing mounts, one directory open
/// at a time, and finds the regular files with one link that the selection matches. An error (cancelled) when
/// it was told to stop. A start that does not exist holds nothing.
Result<FoundFiles> find_files(const SafeTree& tree, std::string_view start, const Selection& selection,
                              const Guard& guard, const Clock& clock, WalkBudget& budget);

/// The file that is so named in this directory of FoundFiles, and is what `info` says.
Candidate candidate_of(const struct stat& info, std::uint32_t directory, std::string name,
                       const AgeRule& rule);
Duration age_stamp(const struct stat& info, const AgeRule& rule);
/// Whether it is at least as old as the rule says. A stamp in the future is young.
bool old_enough(Duration stamp, const AgeRule& rule, const Clock& clock);

}  // namespace chiron::remediation
