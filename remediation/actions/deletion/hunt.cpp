#include "remediation/actions/deletion/hunt.h"

#include "remediation/actions/deletion/free_space.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {

Status walk_root_of(const PathGlob& glob, const std::vector<std::string>& roots, Selection& selection) {
  const std::string* root = root_of(roots, glob.base());
  if (!root) {
    return Error(ErrorCode::permission_denied, fmt::format("globs: {} is below none of deletion.roots ({})",
                                                           glob.base(), fmt::join(roots, ", ")));
  }
  if (std::ranges::count(selection.without, *root) == 0) selection.without.push_back(*root);
  return {};
}

Result<std::vector<Hunt>> hunt_roots(ActionContext& context, const Selection& selection, WalkBudget& budget) {
  Result<Guard> guard = Guard::load(context.paths, context.deletion, context.clock.boot_id());
  if (!guard) return std::move(guard).error();
  std::vector<Hunt> hunts;
  for (const std::string& root : selection.without) {
    const Result<FileSystem> alive = FileSystem::open(context, root);
    if (!alive && alive.error().code() == ErrorCode::not_found) continue;
    if (!alive) return Error(alive.error());
    Result<SafeTree> tree = SafeTree::open(context.paths, root, alive->device());
    if (!tree && tree.error().code() == ErrorCode::not_found) continue;
    if (!tree) return std::move(tree).error();
    Result<FoundFiles> found = find_files(*tree, "", selection, *guard, context.clock, budget);
    if (!found) return std::move(found).error();
    hunts.push_back({*std::move(tree), *std::move(found)});
  }
  return hunts;
}

}  // namespace chiron::remediation
