#include "remediation/actions/rescue_containers.h"

#include "remediation/actions/deletion/bounded.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron::remediation {
namespace {

/// An engine that does not tell in this time where its data is does not get to use up the time of the rescue.
constexpr Duration kTell = std::chrono::seconds(10);

Result<EngineStorage> storage_of(const ActionContext& context, const ContainerEngine& engine) {
  const Duration wait = std::clamp(context.remaining(), Duration::zero(), kTell);
  const Result<std::string> answer =
      engine.request({.target = "/info"}, SocketWait::within(wait, context.cancel.descriptor()));
  if (!answer) return answer.error();
  Result<EngineStorage> storage = decode_engine_storage(*answer);
  if (!storage) return engine.failure(std::move(storage).error().wrap("GET /info"));
  return storage;
}

/// Empty when the engine's data is on `device`.
Result<std::string> why_not(const ActionContext& context, const ContainerEngine& engine, dev_t device) {
  const Result<EngineStorage> storage = storage_of(context, engine);
  if (!storage) return storage.error();
  if (storage->in_containerd) {
    return fmt::format(
        "container engine {}: its images are in containerd's store, of which it does not tell where",
        engine.socket());
  }
  if (!storage->root.starts_with('/')) {
    return Error(ErrorCode::corrupt,
                 fmt::format("container engine {}: its data root is no path", engine.socket()));
  }
  const Result<dev_t> there = ask_file_system<dev_t>(
      context, storage->root,
      [path = context.paths.root(storage->root), name = storage->root]() -> Result<dev_t> {
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0) return Error::from_errno(errno, name);
        return facts.st_dev;
      });
  if (!there) return there.error();
  if (*there == device) return std::string();
  return fmt::format("container engine {}: its data root {} is on another file system", engine.socket(),
                     storage->root);
}

}  // namespace

Result<EnginesOnDevice> find_engines_on(ActionContext& context, dev_t device) {
  EnginesOnDevice found;
  const Result<std::vector<std::string>> sockets = engines_of(context);
  if (!sockets) {
    found.skipped.emplace_back(sockets.error().message());
    return found;
  }
  for (const std::string& socket : *sockets) {
    const Result<std::string> why = why_not(context, ContainerEngine(socket), device);
    if (context.cancel.cancelled()) return Error(ErrorCode::cancelled, "the rescue was cancelled");
    if (!why) {
      found.skipped.push_back(why.error().to_string());
    } else if (!why->empty()) {
      found.skipped.push_back(*why);
    } else {
      found.sockets.push_back(socket);
    }
  }
  return found;
}

EngineRules rescue_rules(Duration min_age, std::vector<std::string> keep,
                         std::vector<std::pair<std::string, std::string>> keep_labels) {
  return {.kinds = {EngineKind::images, EngineKind::build_cache},
          .named_volumes = false,
          .anonymous_volumes = false,
          .older_than = min_age,
          .keep = std::move(keep),
          .keep_labels = std::move(keep_labels)};
}

}  // namespace chiron::remediation
