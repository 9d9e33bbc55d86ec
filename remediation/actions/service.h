#pragma once

#include "remediation/actions/unit_work.h"

#include <string>
#include <utility>

namespace chiron::remediation {

/// Starts, stops, restarts or reloads a systemd unit over D-Bus, as UnitWork does.
class ServiceAction : public Action {
 public:
  using MakeManager = UnitWork::MakeManager;

  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 protected:
  ServiceAction(UnitVerb verb, MakeManager make_manager)
      : verb_(verb), make_manager_(std::move(make_manager)) {}

 private:
  /// What is to be done with this unit: a reload may be a restart.
  UnitVerb verb_for(const UnitState& unit) const;

  const UnitVerb verb_;
  const MakeManager make_manager_;
  std::string unit_;
  bool or_restart_ = false;
};

class ServiceStart final : public ServiceAction {
 public:
  explicit ServiceStart(MakeManager make_manager = make_systemd_manager)
      : ServiceAction(UnitVerb::start, std::move(make_manager)) {}
};
class ServiceStop final : public ServiceAction {
 public:
  explicit ServiceStop(MakeManager make_manager = make_systemd_manager)
      : ServiceAction(UnitVerb::stop, std::move(make_manager)) {}
};
class ServiceRestart final : public ServiceAction {
 public:
  explicit ServiceRestart(MakeManager make_manager = make_systemd_manager)
      : ServiceAction(UnitVerb::restart, std::move(make_manager)) {}
};
class ServiceReload final : public ServiceAction {
 public:
  explicit ServiceReload(MakeManager make_manager = make_systemd_manager)
      : ServiceAction(UnitVerb::reload, std::move(make_manager)) {}
};

}  // namespace chiron::remediation
