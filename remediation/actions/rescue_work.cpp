#include "remediation/actions/rescue_work.h"

#include "remediation/actions/deletion/remove.h"
#include "remediation/actions/rescue_containers.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

std::string relative_to(const std::string& root, const std::string& path) {
  return path.size() > root.size() ? path.substr(root.size() + 1) : std::string();
}

}  // namespace

/// A place of a stage whose root is open, and what was found there.
struct RescueWork::Hunt {
  SafeTree tree;
  const RescuePlace* place;
  FoundFiles found;
};

Status RescueWork::perform(const Request& request) {
  Result<std::string> path = clean_absolute_path(request.path);
  if (!path) return std::move(path).error().wrap("path");
  Result<std::vector<std::string>> roots = clean_roots(context_.deletion);
  if (!roots) return std::move(roots).error();
  roots_ = *std::move(roots);
  if (Status status = check_places(request); !status) return status;

  Result<FileSystem> file_system = FileSystem::open(context_, *path);
  if (!file_system) return std::move(file_system).error().wrap("path");
  file_system_ = *std::move(file_system);
  Result<FreeSpace> space = file_system_->space(context_);
  if (!space) return std::move(space).error();
  before_ = *space;
  target_ = make_target(before_, request.target_free, request.target_free_inodes);

  Result<Guard> guard = Guard::load(context_.paths, context_.deletion, context_.clock.boot_id());
  if (!guard) return std::move(guard).error();
  guard_ = *std::move(guard);
  budget_.should_stop = [this] { return context_.should_stop(); };

  for (const RescueStage& stage : request.stages) {
    Result<bool> enough = met();
    if (!enough) return std::move(enough).error();
    reached_ = *enough;
    if (reached_) return {};
    if (Status status = do_stage(stage); !status) return status;
  }
  Result<bool> enough = met();
  if (!enough) return std::move(enough).error();
  reached_ = *enough;
  return {};
}

Status RescueWork::check_places(const Request& request) const {
  for (const RescueStage& stage : request.stages) {
    const auto outside = [this](const RescuePlace& place) { return !root_of(roots_, place.start); };
    const auto first = std::ranges::find_if(stage.places, outside);
    if (first == stage.places.end()) continue;
    const bool all = std::ranges::all_of(stage.places, outside);
    if (stage.name == "globs" || (all && request.stages_were_chosen)) {
      return Error(ErrorCode::permission_denied,
                   fmt::format("{}: {} is below none of deletion.roots ({})", stage.name, first->start,
                               fmt::join(roots_, ", ")));
    }
  }
  return {};
}

Status RescueWork::do_stage(const RescueStage& stage) {
  StageResult result{.name = stage.name, .notes = {}, .skipped = {}};
  const Status status = stage.engines ? do_engines(stage, result) : do_files(stage, result);
  if (result.skipped.empty()) {
    context_.log.info("disk rescue stage done", {{"run", context_.run_id},
                                                 {"stage", stage.name},
                                                 {"planned_only", mode_ == Mode::only_look},
                                                 {"files", result.files},
                                                 {"objects", result.objects},
                                                 {"bytes", result.bytes}});
  } else {
    context_.log.info("disk rescue stage skipped", {{"run", context_.run_id},
                                                    {"stage", stage.name},
                                                    {"planned_only", mode_ == Mode::only_look},
                                                    {"reason", result.skipped}});
  }
  results_.push_back(std::move(result));
  return status;
}

Status RescueWork::do_files(const RescueStage& stage, StageResult& result) {
  Status status;
  // Once again as long as there were more files than are held at a time and removing goes forward.
  for (bool again = true; again && status;) {
    Result<std::vector<Hunt>> hunts = gather(stage, result);
    if (!hunts) {
      status = std::move(hunts).error();
      break;
    }
    const Result<bool> more = take(stage, *hunts, result);
    if (!more) status = more.error();
    again = more.ok() && *more;
  }
  return status;
}

/// Half of the time that is left: an engine that hangs leaves the rest to the stages after it.
Status RescueWork::do_engines(const RescueStage& stage, StageResult& result) {
  ActionContext part = context_;
  part.deadline = context_.clock.boot() + context_.remaining() / 2;
  const Result<EnginesOnDevice> engines = find_engines_on(part, file_system_->device());
  if (!engines) return engines.error();
  if (engines->sockets.empty()) {
    result.skipped = fmt::format("{}", fmt::join(engines->skipped, "; "));
    return {};
  }
  result.notes = engines->skipped;
  const auto ask = [this](const EngineItem&) -> Result<EnginePrune::Say> {
    const Result<bool> enough = met();
    if (!enough) return enough.error();
    return *enough ? EnginePrune::Say::stop : EnginePrune::Say::go;
  };
  const auto on_item = [&](const EngineItem& item) {
    ++objects_;
    ++result.objects;
    bytes_ += item.object.bytes;
    result.bytes += item.object.bytes;
    on_file_(stage.name, describe(item), item.object.bytes);
  };
  for (const std::string& socket : engines->sockets) {
    const auto mode = mode_ == Mode::remove ? EnginePrune::Mode::remove : EnginePrune::Mode::only_look;
    EnginePrune prune(part, socket, *stage.engines, mode, ask, on_item);
    const Status done = prune.perform();
    if (std::string kept = describe(prune.kept()); !kept.empty()) result.notes.push_back(std::move(kept));
    if (first_error_.empty()) first_error_ = prune.first_error();
    if (Status go_on = stopped(); !go_on) return go_on;
    if (!done) result.notes.push_back(done.error().to_string());
  }
  return {};
}

Result<std::vector<RescueWork::Hunt>> RescueWork::gather(const RescueStage& stage, StageResult& result) {
  std::vector<Hunt> hunts;
  result.notes.clear();
  // Where a stage has several places, those that no root holds are left out without a word: /run/log/journal.
  const bool elsewhere = std::ranges::any_of(
      stage.places, [this](const RescuePlace& place) { return root_of(roots_, place.start); });
  for (const RescuePlace& place : stage.places) {
    const std::string* root = root_of(roots_, place.start);
    if (!root) {
      if (elsewhere) continue;
      result.notes.push_back(fmt::format("{} is below none of deletion.roots", place.start));
      continue;
    }
    Result<SafeTree> tree = SafeTree::open(context_.paths, *root, file_system_->device());
    if (!tree) {
      if (tree.error().code() == ErrorCode::not_supported) return std::move(tree).error();
      if (tree.error().code() != ErrorCode::not_found) result.notes.push_back(tree.error().to_string());
      continue;
    }
    // Not before: a lock on another file system is of no interest, and that one might hang.
    if (!stage.lock.empty() && locked(stage.lock)) {
      result.notes.push_back(fmt::format("{} is locked by another process", stage.lock));
      return hunts;
    }
    Result<FoundFiles> found =
        find_files(*tree, relative_to(*root, place.start), place.selection, guard_, context_.clock, budget_);
    if (!found) {
      if (Status status = stopped(); !status) return std::move(status).error();
      return std::move(found).error();
    }
    if (found->exhausted) result.notes.push_back("there are more files than are looked at in one run");
    kept_ += found->kept;
    hunts.push_back({*std::move(tree), &place, *std::move(found)});
  }
  return hunts;
}

/// True: there is more to find.
Result<bool> RescueWork::take(const RescueStage& stage, const std::vector<Hunt>& hunts, StageResult& result) {
  std::vector<Prey> order;
  bool complete = true;
  for (std::uint32_t h = 0; h < hunts.size(); ++h) {
    complete = complete && (hunts[h].found.complete || hunts[h].found.exhausted);
    for (std::uint32_t f = 0; f < hunts[h].found.files.size(); ++f) order.push_back({h, f});
  }
  const auto stamp = [&](const Prey& prey) { return hunts[prey.hunt].found.files[prey.file].stamp; };
  std::ranges::stable_sort(order, {}, stamp);

  std::uint64_t removed = 0;
  for (const Prey& prey : order) {
    Result<bool> enough = met();
    if (!enough) return std::move(enough).error();
    if (*enough) return false;
    if (Status status = stopped(); !status) return std::move(status).error();
    const Hunt& hunt = hunts[prey.hunt];
    const Candidate& file = hunt.found.files[prey.file];
    const Removal removal = remove_file(hunt.tree, hunt.found, file, hunt.place->selection.age,
                                        context_.clock, mode_ == Mode::only_look, kept_);
    if (!removal.error.empty() && first_error_.empty()) first_error_ = removal.error;
    if (removal.outcome != Removal::Outcome::removed) continue;
    ++removed;
    ++files_;
    ++result.files;
    freed_files_ += removal.last_link;
    bytes_ += removal.bytes;
    result.bytes += removal.bytes;
    const std::string& directory = hunt.found.directories[file.directory];
    on_file_(stage.name, hunt.tree.absolute(directory) + "/" + file.name, removal.bytes);
  }
  return !complete && removed > 0 && mode_ == Mode::remove;
}

FreeSpace RescueWork::after() const {
  if (mode_ == Mode::remove) {
    const Result<FreeSpace> space = file_system_ ? file_system_->space(context_) : before_;
    return space.value_or(before_);
  }
  FreeSpace space = before_;
  space.free += bytes_;
  space.available += bytes_;
  space.inodes_available += freed_files_;
  return space;
}

Result<bool> RescueWork::met() {
  if (mode_ == Mode::only_look) return target_.met_by(after());
  return file_system_->met(target_, bytes_, freed_files_, context_);
}

bool RescueWork::locked(const std::string& path) const {
  const FileDescriptor fd(
      ::open(context_.paths.root(path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

Status RescueWork::stopped() const {
  if (context_.cancel.cancelled()) return Error(ErrorCode::cancelled, "the rescue was cancelled");
  if (context_.remaining() <= Duration::zero()) {
    return Error(ErrorCode::timed_out, "the deadline passed before enough was free");
  }
  return {};
}

}  // namespace chiron::remediation
