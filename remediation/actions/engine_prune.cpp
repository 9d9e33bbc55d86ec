#include "remediation/actions/engine_prune.h"

#include "remediation/actions/deletion/bounded.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron::remediation {
namespace {

/// Between two attempts to have the sizes added up; the engine does that for one at a time.
constexpr Duration kBusy = std::chrono::milliseconds(200);

bool is_made_of_others(EngineKind kind) {
  return kind == EngineKind::images || kind == EngineKind::build_cache;
}

/// Of an image without a name, of which the engine tells only that others were built on it.
bool is_intermediate(const EngineItem& item) {
  return item.kind == EngineKind::images && item.object.names.empty() && item.object.digests.empty();
}

}  // namespace

Status EnginePrune::stopped() const {
  if (context_.cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled");
  if (context_.remaining() <= Duration::zero()) {
    return Error(ErrorCode::timed_out, "the step's time was over before all was removed");
  }
  return {};
}

Result<std::string> EnginePrune::get(const std::string& target) const {
  return work_.engine().request({.target = target}, work_.wait());
}

Result<EngineInventory> EnginePrune::inventory() const {
  for (;;) {
    const Result<std::string> answer = get("/system/df");
    if (answer) {
      Result<EngineInventory> found = decode_engine_inventory(*answer);
      if (!found) return work_.engine().failure(std::move(found).error().wrap("GET /system/df"));
      return found;
    }
    if (answer.error().to_string().find("already running") == std::string::npos) return answer.error();
    context_.cancel.wait_for(kBusy);
    if (Status go_on = stopped(); !go_on) return go_on.error();
  }
}

Status EnginePrune::perform() {
  Result<EngineInventory> found = inventory();
  if (!found) return std::move(found).error();
  inventory_ = *std::move(found);
  for (const EngineKind kind : rules_.kinds) {
    Result<std::vector<EngineItem>> items = gather(kind);
    if (!items) return std::move(items).error();
    if (Status taken = take(*std::move(items)); !taken) return taken;
    if (enough_) break;
  }
  return {};
}

std::uint64_t EnginePrune::shared_bytes() const {
  if (image_bytes_ == 0 || mode_ == Mode::only_look) return 0;
  const Result<EngineInventory> after = inventory();
  if (!after || after->layer_bytes >= inventory_.layer_bytes) return 0;
  const std::uint64_t fewer = inventory_.layer_bytes - after->layer_bytes;
  return fewer > image_bytes_ ? fewer - image_bytes_ : 0;
}

Result<std::vector<EngineItem>> EnginePrune::gather(EngineKind kind) {
  std::vector<EngineItem> items;
  switch (kind) {
    case EngineKind::containers:
      return gather_containers();
    case EngineKind::networks:
      return gather_networks();
    case EngineKind::images:
      return gather_images();
    case EngineKind::volumes:
      for (const EngineObject& volume : inventory_.volumes) {
        if (volume.anonymous ? rules_.anonymous_volumes : rules_.named_volumes)
          items.push_back({kind, volume});
      }
      return items;
    case EngineKind::build_cache:
      parents_.clear();
      for (const EngineObject& record : inventory_.build_cache) {
        parents_.insert(record.parents.begin(), record.parents.end());
        items.push_back({kind, record});
      }
      return items;
  }
  return items;
}

Result<std::vector<EngineItem>> EnginePrune::gather_containers() {
  std::vector<EngineItem> items;
  for (const EngineObject& listed : inventory_.containers) {
    EngineItem item{EngineKind::containers, listed};
    if (!listed.in_use) {
      const Result<ContainerDetail> detail = work_.find(listed.id);
      const ErrorCode code = detail ? ErrorCode::internal : detail.error().code();
      if (code == ErrorCode::not_found) continue;
      if (code == ErrorCode::permission_denied) {
        ++kept_.listed;
        continue;
      }
      if (!detail) return detail.error();
      item.object.since = std::max({listed.since, detail->started_at, detail->finished_at});
    }
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::vector<EngineItem>> EnginePrune::gather_networks() {
  const Result<std::string> answer = get("/networks");
  if (!answer) return answer.error();
  Result<std::vector<EngineObject>> networks = decode_networks(*answer);
  if (!networks) return work_.engine().failure(std::move(networks).error().wrap("GET /networks"));
  std::vector<EngineItem> items;
  for (EngineObject& network : *networks) items.push_back({EngineKind::networks, std::move(network)});
  return items;
}

Result<std::vector<EngineItem>> EnginePrune::gather_images() {
  // With those that only others were built on: they go when those are gone.
  const Result<std::string> answer = get("/images/json?all=true");
  if (!answer) return answer.error();
  Result<std::vector<EngineObject>> images = decode_images(*answer);
  if (!images) return work_.engine().failure(std::move(images).error().wrap("GET /images/json"));
  std::unordered_map<std::string_view, const EngineObject*> sized;
  for (const EngineObject& image : inventory_.images) sized.emplace(image.id, &image);
  parents_.clear();
  for (EngineObject& image : *images) {
    parents_.insert(image.parents.begin(), image.parents.end());
    const auto known = sized.find(image.id);
    if (known == sized.end()) continue;
    image.bytes = known->second->bytes;
    // What lets go of an image in an earlier part of this step is asked for once more before it goes.
    const bool released = std::ranges::count(rules_.kinds, EngineKind::containers) > 0;
    image.in_use = known->second->in_use && !released;
  }
  if (Status noted = note_arrivals(*images); !noted) return noted.error();
  std::vector<EngineItem> items;
  for (EngineObject& image : *images) items.push_back({EngineKind::images, std::move(image)});
  return items;
}

/// An image that was built years ago may have been pulled a minute ago, for a container that is about to be
/// made. The engines keep no time of arrival, but write a file then: Docker
/// image/DRIVER/imagedb/content/sha256/ID, Podman DRIVER-images/ID/manifest. Where it cannot be read, the
/// time that the engine tells must do.
Status EnginePrune::note_arrivals(std::vector<EngineObject>& images) const {
  const Result<std::string> answer = get("/info");
  if (!answer) return answer.error();
  const Result<EngineStorage> storage = decode_engine_storage(*answer);
  if (!storage || !storage->root.starts_with('/') || !is_plain_reference(storage->driver)) return {};
  std::vector<std::string> files;
  for (const EngineObject& image : images) {
    const std::string_view digits = digits_of(image.id);
    const bool plain = is_plain_word(digits);
    for (const std::string& file :
         {fmt::format("/image/{}/imagedb/content/sha256/{}", storage->driver, digits),
          fmt::format("/{}-images/{}/manifest", storage->driver, digits)}) {
      files.push_back(plain ? context_.paths.root(storage->root + file) : std::string());
    }
  }
  const Result<std::vector<double>> written = ask_file_system<std::vector<double>>(
      context_, storage->root, [files = std::move(files)]() -> Result<std::vector<double>> {
        std::vector<double> times;
        for (const std::string& file : files) {
          struct stat facts {};
          const bool there = !file.empty() && ::stat(file.c_str(), &facts) == 0;
          times.push_back(there ? static_cast<double>(facts.st_mtim.tv_sec) : 0);
        }
        return times;
      });
  if (!written) return written.error();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const double arrived = std::max((*written)[2 * i], (*written)[2 * i + 1]);
    if (images[i].since > 0) images[i].since = std::max(images[i].since, arrived);
  }
  return {};
}

/// In rounds: what others were made from goes after them.
Status EnginePrune::take(std::vector<EngineItem> items) {
  std::erase_if(items, [&](const EngineItem& item) {
    EngineKept ignored;
    return !may_go(rules_, item, now(), is_intermediate(item) ? ignored : kept_);
  });
  std::ranges::stable_sort(items, {}, [](const EngineItem& item) { return item.object.since; });
  for (bool again = true; again;) {
    again = false;
    std::vector<EngineItem> waiting;
    for (EngineItem& item : items) {
      if (Status go_on = stopped(); !go_on) return go_on;
      if (is_made_of_others(item.kind) && parents_.contains(item.object.id)) {
        waiting.push_back(std::move(item));
        continue;
      }
      const Result<Say> say = ask_(item);
      if (!say) return say.error();
      if (*say == Say::stop) {
        enough_ = true;
        return {};
      }
      if (*say == Say::leave) {
        ++kept_.over_budget;
        continue;
      }
      const Result<Outcome> outcome = remove(item);
      if (!outcome) return outcome.error();
      kept_.in_use += *outcome == Outcome::in_use;
      kept_.changed += *outcome == Outcome::changed;
      kept_.refused += *outcome == Outcome::refused;
      if (*outcome != Outcome::removed && *outcome != Outcome::gone) continue;
      for (const std::string& parent : item.object.parents) {
        if (const auto one = parents_.find(parent); one != parents_.end()) parents_.erase(one);
      }
      again = true;
      if (*outcome == Outcome::gone) continue;
      if (item.kind == EngineKind::images) image_bytes_ += item.object.bytes;
      on_item_(item);
    }
    items = std::move(waiting);
  }
  for (const EngineItem& item : items) kept_.in_use += !is_intermediate(item);
  return {};
}

}  // namespace chiron::remediation
