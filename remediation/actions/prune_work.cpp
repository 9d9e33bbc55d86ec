#include "remediation/actions/prune_work.h"

#include "remediation/actions/deletion/remove.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace chiron::remediation {

Status PruneWork::perform(const PruneRequest& request) {
  max_total_ = request.max_total;
  age_ = {.minimum = request.older_than, .changed = true, .accessed = false};
  budget_.should_stop = [this] { return context_.should_stop(); };
  Result<std::vector<Hunt>> hunts = gather(request);
  if (!hunts) return std::move(hunts).error();
  return take(request, *hunts);
}

Result<std::vector<Hunt>> PruneWork::gather(const PruneRequest& request) {
  Result<std::vector<std::string>> roots = clean_roots(context_.deletion);
  if (!roots) return std::move(roots).error();
  Selection selection{.globs = {}, .age = age_};
  if (request.larger_than) selection.larger_than = static_cast<off_t>(*request.larger_than);
  selection.keep_newest = request.keep;
  for (const std::string& text : request.globs) {
    Result<PathGlob> glob = PathGlob::compile(text, PathGlob::Hidden::explicit_);
    if (!glob) return std::move(glob).error().wrap("globs");
    if (Status status = walk_root_of(*glob, *roots, selection); !status) return std::move(status).error();
    selection.globs.push_back(*std::move(glob));
  }
  Result<std::vector<Hunt>> hunts = hunt_roots(context_, selection, budget_);
  if (!hunts) {
    if (Status status = stopped(); !status) return std::move(status).error();
    return hunts;
  }
  for (const Hunt& hunt : *hunts) {
    more_ = more_ || hunt.found.exhausted || !hunt.found.complete;
    total_ += hunt.found.matched_bytes;
    kept_ += hunt.found.kept;
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
    on_file_(hunt.path(file), removal.bytes, std::max(age, Duration::zero()));
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
