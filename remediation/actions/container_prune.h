#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/engine_prune.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// container.prune: removes images and build cache that nothing uses from Docker and Podman, and, only when
/// they are named, containers that have stopped, networks and volumes. Object by object, see EnginePrune.
class ContainerPrune final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  struct Work;
  EngineRules rules() const;
  Result<std::vector<std::string>> sockets(const ActionContext& context) const;
  Status perform(ActionContext& context, EnginePrune::Mode mode, const EnginePrune::OnItem& on_item,
                 Work& work) const;

  std::vector<std::string> kinds_ = {"images", "build_cache"};
  std::string socket_;
  Duration older_than_ = std::chrono::hours(24);
  std::vector<std::string> keep_;
  std::vector<std::pair<std::string, std::string>> keep_labels_;
  std::string max_bytes_;
  std::int64_t max_objects_ = 0;
};

}  // namespace chiron::remediation
