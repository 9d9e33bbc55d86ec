#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/container_work.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// Starts, stops, restarts or kills a container of Docker or Podman. Done means that the engine's answer and
/// the container's state say so, see ContainerWork; who may be acted on is decided by container_policy.h.
class ContainerAction : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 protected:
  explicit ContainerAction(ContainerVerb verb) : verb_(verb) {}

 private:
  const ContainerVerb verb_;
  std::string container_;
  std::string socket_;
  std::string signal_ = "SIGKILL";
  Duration grace_ = std::chrono::seconds(10);
};

class ContainerStart final : public ContainerAction {
 public:
  ContainerStart() : ContainerAction(ContainerVerb::start) {}
};
class ContainerStop final : public ContainerAction {
 public:
  ContainerStop() : ContainerAction(ContainerVerb::stop) {}
};
class ContainerRestart final : public ContainerAction {
 public:
  ContainerRestart() : ContainerAction(ContainerVerb::restart) {}
};
class ContainerKill final : public ContainerAction {
 public:
  ContainerKill() : ContainerAction(ContainerVerb::kill) {}
};

/// Restarts the running containers that have all the labels, one after the other, and goes on only while each
/// comes up and, where it has a health check, healthy: the first that does not ends the step.
class ContainerRollingRestart final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  Result<std::vector<ContainerDetail>> select_named(const ContainerWork& work) const;
  Result<std::vector<ContainerDetail>> select(const ContainerWork& work, const ActionContext& context) const;
  Result<std::string> socket(const ActionContext& context) const;

  std::vector<std::pair<std::string, std::string>> labels_;
  std::vector<std::string> containers_;
  std::string socket_;
  Duration grace_ = std::chrono::seconds(10);
  Duration pause_{};
};

}  // namespace chiron::remediation
