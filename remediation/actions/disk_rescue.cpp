#include "remediation/actions/disk_rescue.h"

#include "exporter/base/parse.h"
#include "remediation/actions/deletion/plan_items.h"
#include "remediation/actions/rescue_work.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kLoggedFiles = 200;

std::uint64_t missing(std::uint64_t wanted, std::uint64_t there) {
  return wanted > there ? wanted - there : 0;
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string show(const FreeSpace& space) {
  std::string text =
      fmt::format("{} ({:.1f}%)", format_bytes(space.available), percent(space.available, space.size));
  if (space.inodes > 0) {
    text += fmt::format(" and {} inodes ({:.1f}%)", space.inodes_available,
                        percent(space.inodes_available, space.inodes));
  }
  return text;
}

std::string show(const FreeTarget& target) {
  if (target.inodes == 0) return format_bytes(target.bytes);
  return fmt::format("{} and {} inodes", format_bytes(target.bytes), target.inodes);
}

/// ": kept 3 too young, 1 in use; /x is on another file system", for a rescue that was not enough.
std::string explain(const RescueWork& work) {
  std::vector<std::string> rest;
  if (std::string kept = describe(work.kept()); !kept.empty()) rest.push_back(std::move(kept));
  for (const StageResult& stage : work.stages()) {
    for (const std::string& note : stage.notes) rest.push_back(fmt::format("{}: {}", stage.name, note));
  }
  if (!work.first_error().empty()) rest.push_back(work.first_error());
  return rest.empty() ? std::string() : fmt::format(" ({})", fmt::join(rest, "; "));
}

/// "12 files", "12 files and 2 objects of container engines"
std::string count_of(std::uint64_t files, std::uint64_t objects) {
  std::string text = fmt::format("{} files", files);
  if (objects > 0) text += fmt::format(" and {} objects of container engines", objects);
  return text;
}

/// "1.2 GiB of 3 GiB needed"
std::string progress(const RescueWork& work) {
  const FreeSpace& before = work.before();
  std::vector<std::string> parts;
  if (const auto bytes = missing(work.target().bytes, before.available); bytes > 0) {
    parts.push_back(fmt::format("{} of {} needed", format_bytes(work.bytes()), format_bytes(bytes)));
  }
  if (const auto inodes = missing(work.target().inodes, before.inodes_available); inodes > 0) {
    parts.push_back(fmt::format("{} of {} inodes needed", work.files(), inodes));
  }
  return parts.empty() ? format_bytes(work.bytes()) : fmt::format("{}", fmt::join(parts, ", "));
}

void tell(const RescueWork& work, Report& report) {
  const FreeSpace after = work.after();
  const auto fact = [&report](std::string_view name, std::uint64_t value) {
    report.facts.emplace_back(name, fmt::format("{}", value));
  };
  fact("size_bytes", after.size);
  fact("available_bytes_before", work.before().available);
  fact("available_bytes_after", after.available);
  fact("target_bytes", work.target().bytes);
  if (after.inodes > 0) {
    fact("available_inodes_before", work.before().inodes_available);
    fact("available_inodes_after", after.inodes_available);
    fact("target_inodes", work.target().inodes);
  }
  for (const StageResult& stage : work.stages()) {
    if (!stage.skipped.empty()) {
      report.facts.emplace_back("stage_" + stage.name, "skipped: " + stage.skipped);
      continue;
    }
    std::string text = count_of(stage.files, stage.objects) + ", " + format_bytes(stage.bytes);
    for (const std::string& note : stage.notes) text += "; " + note;
    report.facts.emplace_back("stage_" + stage.name, std::move(text));
  }
  for (auto& reason : kept_facts(work.kept())) report.facts.push_back(std::move(reason));
  if (!work.first_error().empty()) report.facts.emplace_back("first_error", work.first_error());
}

Result<std::vector<RescueStage>> make_stages(const std::vector<std::string>& names,
                                             const StageOptions& options) {
  std::vector<RescueStage> stages;
  const auto add = [&](std::string_view name) -> Status {
    Result<RescueStage> stage = make_rescue_stage(name, options);
    if (!stage) return std::move(stage).error();
    stages.push_back(*std::move(stage));
    return {};
  };
  if (names.empty()) {
    for (const std::string_view name : rescue_stage_names()) {
      if (Status status = add(name); !status) return std::move(status).error();
    }
  }
  for (const std::string& name : names) {
    if (Status status = add(name); !status) return std::move(status).error();
  }
  return stages;
}

}  // namespace

void DiskRescue::declare(Arguments& arguments) {
  arguments.add("path", &path_, Need::required, "a mount point, or any path on the file system to rescue");
  arguments.add("target_free", &target_free_, Need::optional,
                "how much must be available to ordinary users, as a share or a size");
  arguments.add("target_free_inodes", &target_free_inodes_, Need::optional,
                "how many inodes must be free, as a share or a number; 0 does not look at inodes");
  arguments.add("stages", &stages_, Need::optional,
                "what to remove, in this order; all of them when not given", rescue_stage_names());
  arguments.add_patterns(
      "globs", &options_.globs,
      "files of your own that may go, as absolute globs below deletion.roots; ** is any depth");
  arguments.add("min_age", &options_.min_age, Need::optional,
                "younger files, images and build cache stay: files by mtime, for globs by ctime too; "
                "temporary files have their own");
  arguments.add_patterns("keep_images", &options_.keep_images,
                         "images that stay, as globs over their names, tags, digests and ids");
  arguments.add("keep_image_labels", &options_.keep_image_labels, Need::optional,
                "images with any of these labels stay; an empty value stands for any: {keep: ''}");
  arguments.add("temporary_min_age", &options_.temporary_min_age, Need::optional,
                "temporary files that were read, written or changed since stay");
}

Status DiskRescue::validate() const {
  if (Result<std::string> path = clean_absolute_path(path_); !path) {
    return std::move(path).error().wrap("path");
  }
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (std::find(stages_.begin(), stages_.begin() + static_cast<std::ptrdiff_t>(i), stages_[i]) !=
        stages_.begin() + static_cast<std::ptrdiff_t>(i)) {
      return Error(ErrorCode::invalid_argument, fmt::format("stages: {} is there twice", stages_[i]));
    }
  }
  const bool globs_wanted = stages_.empty() || std::ranges::count(stages_, "globs") > 0;
  if (!options_.globs.empty() && !globs_wanted) {
    return Error(ErrorCode::invalid_argument, "globs: given, but stages does not name the stage globs");
  }
  if (options_.globs.empty() && std::ranges::count(stages_, "globs") > 0) {
    return Error(ErrorCode::invalid_argument, "stages: globs needs the argument globs");
  }
  Result<std::vector<RescueStage>> stages = make_stages(stages_, options_);
  if (!stages) return std::move(stages).error();
  return {};
}

Result<Plan> DiskRescue::plan(ActionContext& context) {
  Result<std::vector<RescueStage>> stages = make_stages(stages_, options_);
  if (!stages) return std::move(stages).error();
  Plan plan;
  LargestItems items;
  RescueWork work(context, RescueWork::Mode::only_look,
                  [&](const std::string& stage, std::string path, std::uint64_t bytes) {
                    items.add({.what = std::move(path), .bytes = bytes, .objects = 1, .note = stage});
                  });
  if (Status status =
          work.perform({path_, target_free_, target_free_inodes_, *std::move(stages), !stages_.empty()});
      !status) {
    return std::move(status).error();
  }
  plan.items = items.take();
  plan.bytes = work.bytes();
  plan.objects = work.files() + work.objects();
  if (work.files() + work.objects() == 0 && work.reached()) {
    plan.summary = fmt::format("nothing to do: {} has {} available, the target is {}", path_,
                               show(work.before()), show(work.target()));
  } else {
    plan.summary = fmt::format("remove {}, {}, from {}; {} available then, the target is {}{}",
                               count_of(work.files(), work.objects()), format_bytes(work.bytes()), path_,
                               show(work.after()), show(work.target()),
                               work.reached() ? "" : ": not enough" + explain(work));
  }
  return plan;
}

Status DiskRescue::run(ActionContext& context, Report& report) {
  Result<std::vector<RescueStage>> stages = make_stages(stages_, options_);
  if (!stages) return std::move(stages).error();
  RescueWork work(
      context, RescueWork::Mode::remove,
      [&](const std::string& stage, const std::string& path, std::uint64_t bytes) {
        report.freed_bytes += bytes;
        const bool shown = ++report.removed_objects <= kLoggedFiles;
        const bool file = stage != kContainersStage;
        context.log.write(
            shown ? LogLevel::info : LogLevel::debug,
            file ? "file removed" : "container engine's object removed",
            {{"run", context.run_id}, {"stage", stage}, {file ? "path" : "object", path}, {"bytes", bytes}});
      });
  const Status status =
      work.perform({path_, target_free_, target_free_inodes_, *std::move(stages), !stages_.empty()});
  tell(work, report);
  const FreeSpace after = work.after();
  report.summary = fmt::format("freed {} in {} on {}; {} available", format_bytes(work.bytes()),
                               count_of(work.files(), work.objects()), path_, show(after));
  if (!status) return status;
  if (work.reached()) return {};
  return Error(ErrorCode::failed_precondition,
               fmt::format("freed {} on {}: {} available, the target is {}{}", progress(work), path_,
                           show(after), show(work.target()), explain(work)));
}

}  // namespace chiron::remediation
