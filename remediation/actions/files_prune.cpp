#include "remediation/actions/files_prune.h"

#include "exporter/base/parse.h"
#include "remediation/actions/deletion/plan_items.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::uint64_t kLoggedFiles = 200;
constexpr std::int64_t kMostKept = 10'000;

/// "(kept 3 too young; there is more for the next run)", or nothing.
std::string explain(const PruneWork& work) {
  std::vector<std::string> parts;
  if (std::string kept = describe(work.kept()); !kept.empty()) parts.push_back(std::move(kept));
  if (work.more()) parts.emplace_back("there may be more for the next run");
  if (!work.first_error().empty()) parts.push_back(work.first_error());
  return parts.empty() ? std::string() : fmt::format(" ({})", fmt::join(parts, "; "));
}

}  // namespace

void FilesPrune::declare(Arguments& arguments) {
  arguments.add_patterns("globs", &globs_,
                         "what to remove, as absolute globs below deletion.roots; ** is any depth",
                         Need::required);
  arguments.add("older_than", &older_than_, Need::optional,
                "younger files stay, by mtime and ctime, whatever else is asked");
  arguments.add("larger_than", &larger_than_, Need::optional,
                "only files whose content is larger than this size, such as 100MB; empty: any");
  arguments.add("keep", &keep_, Need::optional,
                "so many of each directory's matches stay, the newest by mtime");
  arguments.add(
      "max_total", &max_total_, Need::optional,
      "remove only until all that matches takes no more of the disk than this size; empty: all goes");
  arguments.add("max_files", &max_files_, Need::optional, "remove at most so many files in one run");
}

Status FilesPrune::validate() const {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_argument, std::move(why)); };
  if (globs_.empty())
    return refuse("globs: names nothing; give absolute globs such as /var/tmp/export/*.csv");
  for (const std::string& text : globs_) {
    Result<PathGlob> glob = PathGlob::compile(text, PathGlob::Hidden::explicit_);
    if (!glob) return std::move(glob).error().wrap("globs");
    if (Status plain = check_no_braces(text); !plain) return std::move(plain).error().wrap("globs");
  }
  if (older_than_ < Duration::zero()) return refuse("older_than: must not be negative");
  if (keep_ < 0 || keep_ > kMostKept) return refuse(fmt::format("keep: must be from 0 to {}", kMostKept));
  if (max_files_ < 1) return refuse("max_files: must be at least 1");
  if (const auto size = optional_size("larger_than", larger_than_); !size) return Error(size.error());
  if (const auto size = optional_size("max_total", max_total_); !size) return Error(size.error());
  return {};
}

PruneRequest FilesPrune::request() const {
  return {.globs = globs_,
          .older_than = older_than_,
          .larger_than = *optional_size("larger_than", larger_than_),
          .keep = static_cast<std::size_t>(keep_),
          .max_total = *optional_size("max_total", max_total_),
          .max_files = static_cast<std::uint64_t>(max_files_)};
}

Result<Plan> FilesPrune::plan(ActionContext& context) {
  LargestItems items;
  PruneWork work(
      context, PruneWork::Mode::only_look, [&](std::string path, std::uint64_t bytes, Duration age) {
        const auto whole = std::chrono::floor<std::chrono::seconds>(age);
        items.add(
            {.what = std::move(path), .bytes = bytes, .objects = 1, .note = format_duration(whole) + " old"});
      });
  if (Status status = work.perform(request()); !status) return std::move(status).error();
  Plan plan;
  plan.items = items.take();
  plan.bytes = work.bytes();
  plan.objects = work.files();
  plan.summary = work.files() == 0 ? "nothing to do" + explain(work)
                                   : fmt::format("remove {} files, {}; {} of what matches stays{}",
                                                 work.files(), format_bytes(work.bytes()),
                                                 format_bytes(work.left_bytes()), explain(work));
  return plan;
}

Status FilesPrune::run(ActionContext& context, Report& report) {
  PruneWork work(context, PruneWork::Mode::remove,
                 [&](const std::string& path, std::uint64_t bytes, Duration) {
                   report.freed_bytes += bytes;
                   const bool shown = ++report.removed_objects <= kLoggedFiles;
                   context.log.write(shown ? LogLevel::info : LogLevel::debug, "file removed",
                                     {{"run", context.run_id}, {"path", path}, {"bytes", bytes}});
                 });
  const Status status = work.perform(request());
  report.summary = fmt::format("removed {} files, {}", work.files(), format_bytes(work.bytes()));
  report.facts.emplace_back("left_bytes", fmt::format("{}", work.left_bytes()));
  for (auto& reason : kept_facts(work.kept())) report.facts.push_back(std::move(reason));
  if (work.more()) report.facts.emplace_back("more", "true");
  if (!work.first_error().empty()) report.facts.emplace_back("first_error", work.first_error());
  if (!status) return status;
  if (work.over_total() && !work.more()) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("{} is left, max_total is {}{}", format_bytes(work.left_bytes()), max_total_,
                             explain(work)));
  }
  if (work.kept().refused + work.kept().untold > 0) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("not all that should go could be removed{}", explain(work)));
  }
  return {};
}

}  // namespace chiron::remediation
