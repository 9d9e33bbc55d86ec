#pragma once

#include "remediation/actions/container_work.h"
#include "remediation/actions/engine_rules.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace chiron::remediation {

/// Removes what one engine stores and nothing uses, one object at a time, the oldest of each kind first, each
/// looked at again right before. The engine is never asked to use force, so that what came into use meanwhile
/// stays by its own refusal. Used once, on one thread.
class EnginePrune {
 public:
  enum class Mode { remove, only_look };
  enum class Say { go, leave, stop };
  /// Asked of each before it goes; leave counts as over the budget.
  using Ask = std::function<Result<Say>(const EngineItem&)>;
  /// Called for each that was, or would be, removed, with the bytes that came free in item.object.bytes.
  using OnItem = std::function<void(const EngineItem&)>;

  EnginePrune(ActionContext& context, std::string socket, EngineRules rules, Mode mode, Ask ask,
              OnItem on_item)
      : context_(context),
        work_(context, std::move(socket)),
        rules_(std::move(rules)),
        mode_(mode),
        ask_(std::move(ask)),
        on_item_(std::move(on_item)) {}

  /// Fails when the engine does not answer (any more) and when told to stop. What the engine refuses is kept.
  Status perform();
  /// Of images: bytes that came free beyond what on_item_ was told, because layers were shared by several
  /// that went. Asks the engine, which takes it seconds.
  std::uint64_t shared_bytes() const;

  const EngineKept& kept() const { return kept_; }
  const std::string& first_error() const { return first_error_; }

 private:
  enum class Outcome { removed, gone, in_use, changed, refused, kept };

  Result<EngineInventory> inventory() const;
  Result<std::vector<EngineItem>> gather(EngineKind kind);
  Result<std::vector<EngineItem>> gather_containers();
  Result<std::vector<EngineItem>> gather_networks();
  Result<std::vector<EngineItem>> gather_images();
  Status note_arrivals(std::vector<EngineObject>& images) const;
  Status take(std::vector<EngineItem> items);

  Result<Outcome> remove(EngineItem& item);
  Result<Outcome> remove_container(const EngineObject& container);
  Result<Outcome> remove_network(const EngineObject& network);
  Result<Outcome> remove_volume(const EngineObject& volume);
  Result<Outcome> remove_image(const EngineObject& image);
  Result<Outcome> remove_record(EngineObject& record);
  Result<Outcome> untag(const EngineObject& image, const std::string& reference);

  Result<std::string> get(const std::string& target) const;
  Result<Outcome> drop(const std::string& target);
  Result<Outcome> settle(Error error);
  Result<bool> is_used(std::string_view filter, const std::string& value) const;
  Status stopped() const;
  double now() const { return static_cast<double>(to_ms(context_.clock.wall())) / 1000; }

  ActionContext& context_;
  const ContainerWork work_;
  const EngineRules rules_;
  const Mode mode_;
  const Ask ask_;
  const OnItem on_item_;
  EngineInventory inventory_;
  /// Ids of what the images and the records of the build cache that are there were made from.
  std::multiset<std::string> parents_;
  std::uint64_t image_bytes_ = 0;  // of those that went
  bool enough_ = false;
  EngineKept kept_;
  std::string first_error_;
};

}  // namespace chiron::remediation
