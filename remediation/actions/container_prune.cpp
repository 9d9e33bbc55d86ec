#include "remediation/actions/container_prune.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "remediation/actions/deletion/plan_items.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Say = EnginePrune::Say;

constexpr std::uint64_t kLoggedObjects = 200;
constexpr std::string_view kNamedVolumes = "named_volumes";
const std::vector<std::string_view> kChoices = {"images",   "build_cache", "containers",
                                                "networks", "volumes",     kNamedVolumes};

/// In the order in which they go: what lets go of other objects first.
constexpr EngineKind kKinds[] = {EngineKind::containers, EngineKind::networks, EngineKind::volumes,
                                 EngineKind::images, EngineKind::build_cache};

}  // namespace

/// What was done so far, on all engines.
struct ContainerPrune::Work {
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  std::map<EngineKind, std::uint64_t> by_kind;
  EngineKept kept;
  std::string first_error;

  /// "3 images, 2 build_cache" or "nothing"
  std::string describe_kinds() const {
    std::vector<std::string> parts;
    for (const auto& [kind, count] : by_kind) parts.push_back(fmt::format("{} {}", count, to_string(kind)));
    return parts.empty() ? "nothing" : fmt::format("{}", fmt::join(parts, ", "));
  }
  std::string explain() const {
    const std::string text = describe(kept);
    if (text.empty() && first_error.empty()) return {};
    return fmt::format(" ({}{}{})", text, text.empty() || first_error.empty() ? "" : "; ", first_error);
  }
};

void ContainerPrune::declare(Arguments& arguments) {
  arguments.add("kinds", &kinds_, Need::optional,
                "what to remove; volumes are those without a name of their own, named_volumes hold data",
                kChoices);
  arguments.add(
      "socket", &socket_, Need::optional,
      "Unix socket of the engine; by default those of collectors.containers.socket, or Docker's and "
      "Podman's, whichever are there");
  arguments.add("older_than", &older_than_, Need::optional,
                "what was made, pulled, tagged, ended or (build cache) used since stays");
  arguments.add_patterns(
      "keep", &keep_,
      "globs over names, tags, digests and ids of what stays; of containers, over the image too");
  arguments.add("keep_labels", &keep_labels_, Need::optional,
                "what has any of these labels stays; an empty value stands for any: {keep: ''}");
  arguments.add("max_bytes", &max_bytes_, Need::optional,
                "remove at most so much in one run, such as 20GB; empty: no limit");
  arguments.add("max_objects", &max_objects_, Need::optional,
                "remove at most so many objects in one run; 0: no limit");
}

Status ContainerPrune::validate() const {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_argument, std::move(why)); };
  if (kinds_.empty()) return refuse("kinds: names nothing");
  for (auto each = kinds_.begin(); each != kinds_.end(); ++each) {
    if (std::ranges::count(kChoices, *each) == 0) {
      return refuse(fmt::format("kinds: {} is not one of {}", quoted(*each), fmt::join(kChoices, ", ")));
    }
    if (std::find(kinds_.begin(), each, *each) != each)
      return refuse(fmt::format("kinds: {} is there twice", *each));
  }
  if (!socket_.empty() && !socket_.starts_with('/')) return refuse("socket: not an absolute path");
  if (older_than_ < Duration::zero()) return refuse("older_than: must not be negative");
  if (std::ranges::count(keep_, "") > 0) return refuse("keep: an empty glob");
  for (const auto& [name, value] : keep_labels_) {
    if (name.empty()) return refuse("keep_labels: a label has no name");
  }
  if (const auto size = optional_size("max_bytes", max_bytes_); !size) return Error(size.error());
  if (max_objects_ < 0) return refuse("max_objects: must not be negative");
  return {};
}

EngineRules ContainerPrune::rules() const {
  const auto named = [&](std::string_view name) { return std::ranges::count(kinds_, name) > 0; };
  EngineRules rules{.kinds = {},
                    .named_volumes = named(kNamedVolumes),
                    .anonymous_volumes = named(to_string(EngineKind::volumes)),
                    .older_than = older_than_,
                    .keep = keep_,
                    .keep_labels = keep_labels_};
  for (const EngineKind kind : kKinds) {
    const bool volumes = kind == EngineKind::volumes && rules.named_volumes;
    if (named(to_string(kind)) || volumes) rules.kinds.push_back(kind);
  }
  return rules;
}

Result<std::vector<std::string>> ContainerPrune::sockets(const ActionContext& context) const {
  if (!socket_.empty()) return std::vector{context.paths.root(socket_)};
  return engines_of(context);
}

/// An engine that fails leaves the others their turn.
Status ContainerPrune::perform(ActionContext& context, EnginePrune::Mode mode,
                               const EnginePrune::OnItem& on_item, Work& work) const {
  const Result<std::vector<std::string>> engines = sockets(context);
  if (!engines) return engines.error();
  const std::optional<std::uint64_t> most_bytes = *optional_size("max_bytes", max_bytes_);
  const auto ask = [&](const EngineItem& item) -> Result<Say> {
    if (max_objects_ > 0 && work.objects >= static_cast<std::uint64_t>(max_objects_)) return Say::stop;
    if (most_bytes && work.bytes + item.object.bytes > *most_bytes) return Say::leave;
    return Say::go;
  };
  Status first;
  for (const std::string& socket : *engines) {
    EnginePrune prune(context, socket, rules(), mode, ask, [&](const EngineItem& item) {
      work.bytes += item.object.bytes;
      ++work.objects;
      ++work.by_kind[item.kind];
      on_item(item);
    });
    Status status = prune.perform();
    if (status) work.bytes += prune.shared_bytes();
    work.kept += prune.kept();
    if (work.first_error.empty()) work.first_error = prune.first_error();
    if (!status && first) first = std::move(status);
    if (context.should_stop()) break;
  }
  return first;
}

Result<Plan> ContainerPrune::plan(ActionContext& context) {
  LargestItems items;
  Work work;
  const Status status = perform(
      context, EnginePrune::Mode::only_look,
      [&](const EngineItem& item) {
        items.add(
            {.what = describe(item), .bytes = item.object.bytes, .objects = 1, .note = item.object.state});
      },
      work);
  if (!status) return status.error();
  Plan plan;
  plan.items = items.take();
  plan.bytes = work.bytes;
  plan.objects = work.objects;
  plan.summary = work.objects == 0 ? "nothing to do" + work.explain()
                                   : fmt::format("remove {}, at least {}{}", work.describe_kinds(),
                                                 format_bytes(work.bytes), work.explain());
  return plan;
}

Status ContainerPrune::run(ActionContext& context, Report& report) {
  Work work;
  const Status status = perform(
      context, EnginePrune::Mode::remove,
      [&](const EngineItem& item) {
        report.freed_bytes += item.object.bytes;
        const bool shown = ++report.removed_objects <= kLoggedObjects;
        context.log.write(shown ? LogLevel::info : LogLevel::debug, "container engine's object removed",
                          {{"run", context.run_id},
                           {"kind", to_string(item.kind)},
                           {"object", describe(item)},
                           {"id", item.object.id},
                           {"bytes", item.object.bytes}});
      },
      work);
  report.freed_bytes = std::max(report.freed_bytes, work.bytes);
  report.summary = fmt::format("removed {}, {}", work.describe_kinds(), format_bytes(report.freed_bytes));
  for (const auto& [kind, count] : work.by_kind) {
    report.facts.emplace_back(fmt::format("removed_{}", to_string(kind)), std::to_string(count));
  }
  for (auto& reason : kept_facts(work.kept)) report.facts.push_back(std::move(reason));
  if (!work.first_error.empty()) report.facts.emplace_back("first_error", work.first_error);
  if (!status) return status;
  if (work.kept.refused > 0) {
    return Error(ErrorCode::failed_precondition, "not all that should go could be removed" + work.explain());
  }
  return {};
}

}  // namespace chiron::remediation
