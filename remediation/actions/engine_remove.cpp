#include "remediation/actions/engine_prune.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

// How single objects go: identified again, then removed.

namespace chiron::remediation {
namespace {

/// The ids of BuildKit, which it makes itself. The engine takes an id for a regular expression, and among ids
/// of one length that stands for itself alone.
constexpr std::size_t kRecordId = 25;

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  return texts;
}

/// NAME of NAME:TAG and of NAME@DIGEST.
std::string_view repository_of(std::string_view reference) {
  if (const std::size_t at = reference.find('@'); at != reference.npos) return reference.substr(0, at);
  const std::size_t colon = reference.rfind(':');
  const std::size_t slash = reference.rfind('/');
  const bool tagged = colon != reference.npos && (slash == reference.npos || colon > slash);
  return tagged ? reference.substr(0, colon) : reference;
}

/// The references that must go before the engine removes an image by its id: it does so, with all references,
/// when they are at most one tag and the digests of one repository. With a repository's last tag its digests
/// go.
std::vector<std::string> surplus_references(const EngineObject& image) {
  std::vector<std::string> surplus;
  if (!image.names.empty()) {
    surplus.assign(image.names.begin() + 1, image.names.end());
    for (const std::string& digest : image.digests) {
      const auto same = [&](const std::string& tag) { return repository_of(tag) == repository_of(digest); };
      if (std::ranges::none_of(image.names, same)) surplus.push_back(digest);
    }
    return surplus;
  }
  for (const std::string& digest : image.digests) {
    if (repository_of(digest) != repository_of(image.digests.front())) surplus.push_back(digest);
  }
  return surplus;
}

}  // namespace

Result<EnginePrune::Outcome> EnginePrune::remove(EngineItem& item) {
  switch (item.kind) {
    case EngineKind::containers:
      return remove_container(item.object);
    case EngineKind::networks:
      return remove_network(item.object);
    case EngineKind::volumes:
      return remove_volume(item.object);
    case EngineKind::images:
      return remove_image(item.object);
    case EngineKind::build_cache:
      return remove_record(item.object);
  }
  return Outcome::refused;
}

/// A server that dies answers nothing any more, one that refuses a single request goes on.
Result<EnginePrune::Outcome> EnginePrune::settle(Error error) {
  switch (error.code()) {
    case ErrorCode::not_found:
      return Outcome::gone;
    case ErrorCode::timed_out:
    case ErrorCode::cancelled:
      return error;
    default:
      break;
  }
  if (error.code() == ErrorCode::unavailable) {
    if (Status alive = work_.engine().ping(work_.wait()); !alive) return alive.error();
  }
  if (first_error_.empty()) first_error_ = error.to_string();
  return error.code() == ErrorCode::failed_precondition ? Outcome::in_use : Outcome::refused;
}

Result<EnginePrune::Outcome> EnginePrune::drop(const std::string& target) {
  if (mode_ == Mode::only_look) return Outcome::removed;
  const Result<std::string> done =
      work_.engine().request({.method = "DELETE", .target = target}, work_.wait());
  if (!done) return settle(done.error());
  return Outcome::removed;
}

Result<bool> EnginePrune::is_used(std::string_view filter, const std::string& value) const {
  if (!is_plain_reference(value)) {
    return Error(ErrorCode::corrupt, fmt::format("the engine names a {} that is none", filter));
  }
  // filters={"FILTER":["VALUE"]}
  const std::string target =
      fmt::format("/containers/json?all=true&filters=%7B%22{}%22%3A%5B%22{}%22%5D%7D", filter, value);
  const Result<std::string> answer = get(target);
  if (!answer) return answer.error();
  const Result<std::vector<std::string>> users = decode_container_list(*answer);
  if (!users) return work_.engine().failure(Error(users.error()).wrap("GET " + target));
  return !users->empty();
}

Result<EnginePrune::Outcome> EnginePrune::remove_container(const EngineObject& container) {
  const Result<ContainerDetail> now = work_.find(container.id);
  if (!now) return settle(now.error());
  if (now->state != container.state || std::max(now->started_at, now->finished_at) > container.since) {
    return Outcome::changed;
  }
  return drop("/containers/" + container.id);
}

Result<EnginePrune::Outcome> EnginePrune::remove_network(const EngineObject& network) {
  if (!is_plain_word(network.id)) return Outcome::refused;
  const Result<std::string> answer = get("/networks/" + network.id);
  if (!answer) return settle(answer.error());
  const Result<EngineObject> now = decode_network(*answer);
  if (!now) return settle(now.error());
  // A container that is stopped uses its networks, too: it could not be started without.
  const Result<bool> used = is_used("network", network.id);
  if (!used) return used.error();
  if (now->in_use || *used) return Outcome::in_use;
  if (now->names != network.names || now->since != network.since) return Outcome::changed;
  return drop("/networks/" + network.id);
}

Result<EnginePrune::Outcome> EnginePrune::remove_volume(const EngineObject& volume) {
  if (Status good = check_container_name(volume.id); !good) return settle(good.error());
  const Result<std::string> answer = get("/volumes/" + volume.id);
  if (!answer) return settle(answer.error());
  const Result<EngineObject> now = decode_volume(*answer);
  if (!now) return settle(now.error());
  const Result<bool> used = is_used("volume", volume.id);
  if (!used) return used.error();
  if (*used) return Outcome::in_use;
  if (now->since != volume.since || now->labels != volume.labels) return Outcome::changed;
  return drop("/volumes/" + volume.id);
}

/// By its id, which nothing else can come to have; the engine then refuses what a container uses or others
/// were built on. noprune: it would take images without a name along that nobody looked at.
Result<EnginePrune::Outcome> EnginePrune::remove_image(const EngineObject& image) {
  if (!is_container_id(digits_of(image.id))) return Outcome::refused;
  const Result<std::string> answer = get("/images/" + image.id + "/json");
  if (!answer) return settle(answer.error());
  const Result<EngineObject> now = decode_image(*answer);
  if (!now) return settle(now.error());
  if (now->id != image.id || sorted(now->names) != sorted(image.names)) return Outcome::changed;
  if (!may_go(rules_, {EngineKind::images, *now}, this->now(), kept_)) return Outcome::kept;
  const Result<bool> used = is_used("ancestor", image.id);
  if (!used) return used.error();
  if (*used) return Outcome::in_use;
  for (const std::string& reference : surplus_references(*now)) {
    const Result<Outcome> untagged = untag(*now, reference);
    if (!untagged || *untagged != Outcome::removed) return untagged;
  }
  return drop("/images/" + image.id + "?noprune=true");
}

/// The engine removes references by name only, and a name may be somebody else's a moment later. So it must
/// lead to this image right before.
Result<EnginePrune::Outcome> EnginePrune::untag(const EngineObject& image, const std::string& reference) {
  if (!is_plain_reference(reference)) return Outcome::refused;
  const Result<std::string> answer = get("/images/" + reference + "/json");
  if (!answer) return settle(answer.error());
  const Result<EngineObject> now = decode_image(*answer);
  if (!now) return settle(now.error());
  if (now->id != image.id) return Outcome::changed;
  return drop("/images/" + reference + "?noprune=true");
}

/// The engine looks itself whether the record is in use, or was within older_than.
Result<EnginePrune::Outcome> EnginePrune::remove_record(EngineObject& record) {
  if (record.id.size() != kRecordId || !is_plain_word(record.id)) return Outcome::refused;
  if (mode_ == Mode::only_look) return Outcome::removed;
  // filters={"id":["ID"],"until":["SECONDSs"]}
  std::string filters = fmt::format("%7B%22id%22%3A%5B%22{}%22%5D", record.id);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(rules_.older_than).count();
  if (seconds > 0) filters += fmt::format("%2C%22until%22%3A%5B%22{}s%22%5D", seconds);
  const std::string target = "/build/prune?all=true&filters=" + filters + "%7D";
  const Result<std::string> answer =
      work_.engine().request({.method = "POST", .target = target}, work_.wait());
  if (!answer) return settle(answer.error());
  const Result<BuildPruned> pruned = decode_build_pruned(*answer);
  if (!pruned) return settle(pruned.error());
  if (std::ranges::count(pruned->ids, record.id) == 0) return Outcome::in_use;
  record.bytes = pruned->bytes;
  return Outcome::removed;
}

}  // namespace chiron::remediation
