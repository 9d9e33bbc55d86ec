#pragma once

#include "exporter/base/result.h"
#include "remediation/actions/action.h"
#include "remediation/actions/deletion/candidate.h"
#include "remediation/actions/deletion/path_glob.h"
#include "remediation/actions/deletion/safe_tree.h"

#include <string>
#include <vector>

namespace chiron::remediation {

/// A root that is open, and what was found below it.
struct Hunt {
  SafeTree tree;
  FoundFiles found;

  std::string path(const Candidate& file) const {
    return tree.absolute(found.directories[file.directory]) + "/" + file.name;
  }
  Result<FileDescriptor> directory(const Candidate& file) const {
    return tree.open_directory(found.directories[file.directory]);
  }
};

/// Has the root that holds the pattern walked; permission_denied, with the roots named, when none does.
Status walk_root_of(const PathGlob& glob, const std::vector<std::string>& roots, Selection& selection);

/// One walk of each root of the selection, with all its globs: a directory is judged once, by everything in
/// it that matches. A root that is not there is left out. ErrorCode::cancelled when the budget told to stop.
Result<std::vector<Hunt>> hunt_roots(ActionContext& context, const Selection& selection, WalkBudget& budget);

}  // namespace chiron::remediation
