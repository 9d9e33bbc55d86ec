#include "remediation/actions/prune_work.h"

#include "remediation/actions/deletion/free_space.h"
#include "remediation/actions/deletion/remove.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace chiron::remediation {

/// A root that is open, and what was found below it.
struct PruneWork::Hunt {
  SafeTree tree;
  FoundFiles found;
};

Status PruneWork::perform(const PruneRequest& request) {
  max_total_ = request.max_total;
  age_ = {.minimum = request.older_than, .changed = true, .accessed = false};
  budget_.should_stop = [this] { return context_.should_stop(); };
  Result<std::vector<Hunt>> hunts = gather(request);
  if (!hunts) return std::move(hunts).error();
  return take(request, *hunts);
}

Result<std::vector<PruneWork::Hunt>> PruneWork::gather(const PruneRequest& request) {
  Result<std::vector<std::string>> roots = clean_roots(context_.deletion);
  if (!roots) return std::move(roots).error();
  Selection selection{.globs = {}, .age = age_};
  if (request.larger_than) selection.larger_than = static_cast<off_t>(*request.larger_than);
  selection.keep_newest = request.keep;
  // One walk for each root with all globs: a directory is judged once, by everything in it that matches.
  for (const std::string& text : request.globs) {
    Result<PathGlob> glob = PathGlob::compile(text, PathGlob::Hidden::explicit_);
    if (!glob) return std::move(glob).error().wrap("globs");
    const std::string* root = root_of(*roots, glob->base());
    if (!root) {
      return Error(ErrorCode::permission_denied, fmt::format("globs: {} is below none of deletion.roots ({})",
                                                             glob->base(), fmt::join(*roots, ", ")));
    }
    if (std::ranges::count(selection.without, *root) == 0) selection.without.push_back(*root);
    selection.globs.push_back(*std::move(glob));
  }
  Result<Guard> guard = Guard::load(context_.paths, context_.deletion, context_.clock.boot_id());
  if (!guard) return std::move(guard).error();

  std::vector<Hunt> hunts;
  for (const std::string& root : selection.without) {
    const Result<FileSystem> alive = FileSystem::open(context_, root);
    if (!alive && alive.error().code() == ErrorCode::not_found) continue;
    if (!alive) return Error(alive.error());
    Result<SafeTree> tree = SafeTree::open(context_.paths, root, alive->device());
    if (!tree && tree.error().code() == ErrorCode::not_found) continue;
    if (!tree) return std::move(tree).error();
    Result<FoundFiles> found = find_files(*tree, "", selection, *guard, context_.clock, budget_);
    if (!found) {
      if (Status status = stopped(); !status) return std::move(status).error();
      return std::move(found).error();
    }
    more_ = more_ || found->exhausted || !found->complete;
    total_ += found->matched_bytes;
    kept_ += found->kept;
    hunts.push_back({*std::move(tree), *std::move(found)});
  }
  return hunts;
}

Status PruneWork::take(const PruneRequest& request, const std::vector<Hunt>& hunts) {
  std::vector<Prey> order;
  for (std::uint32_t h = 0; h < hunts.size(); ++h) {
    for (std::uint32_t f = 0; f < hunts[h].found.files.size(); ++f) order.push_back({h, f});
  }
  std::ranges::stable_sort(order, {}, [&](const Prey& prey) {
    const timespec& time = hunts[prey.hunt].found.files[prey.file].modified;
    return std::tuple(time.tv_sec, time.tv_nsec);
  });
  for (const Prey& prey : order) {
    if (max_total_ && !over_total()) return {};
    if (files_ >= request.max_files) {
      more_ = true;
      return {};
    }
    if (Status status = stopped(); !status) return status;
    const Hunt& hunt = hunts[prey.hunt];
    const Candidate& file = hunt.found.files[prey.file];
    const Removal removal =
        remove_file(hunt.tree, hunt.found, file, age_, context_.clock, mode_ == Mode::only_look, kept_);
    if (!removal.error.empty() && first_error_.empty()) first_error_ = removal.error;
    if (removal.outcome == Removal::Outcome::gone) total_ -= std::min(total_, file.bytes);
    if (removal.outcome != Removal::Outcome::removed) continue;
    ++files_;
    bytes_ += removal.bytes;
    const Duration age = context_.clock.wall().time_since_epoch() - file.stamp;
    on_file_(hunt.tree.absolute(hunt.found.directories[file.directory]) + "/" + file.name, removal.bytes,
             std::max(age, Duration::zero()));
  }
  return {};
}

Status PruneWork::stopped() const {
  if (context_.cancel.cancelled()) return Error(ErrorCode::cancelled, "the pruning was cancelled");
  if (context_.remaining() <= Duration::zero()) {
    return Error(ErrorCode::timed_out, "the deadline passed before all was removed");
  }
  return {};
}

}  // namespace chiron::remediation
