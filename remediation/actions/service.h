#pragma once

#include "remediation/actions/action.h"

#include <functional>
#include <memory>
#include <string>

namespace chiron::remediation {

/// Starts, stops or restarts a systemd unit over D-Bus. Done means that systemd's job ended with "done", and
/// for start and restart that the unit has a new InvocationID and is active a moment later (or was a oneshot
/// that succeeded). Who may be acted on is decided by unit_policy.h: first when the step begins, and once
/// more on the state that is read right before each job is queued, which must be that of the same invocation
/// still.
class ServiceAction : public Action {
 public:
  using MakeManager = std::function<std::unique_ptr<SystemdManager>(BusAddress)>;

  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 protected:
  ServiceAction(UnitVerb verb, MakeManager make_manager)
      : verb_(verb), make_manager_(std::move(make_manager)) {}

 private:
  Result<UnitState> find_unit(ActionContext& context, SystemdManager& manager) const;
  Status act(ActionContext& context, SystemdManager& manager, const UnitState& unit, bool reset_first,
             Report& report) const;
  /// Resets a start limit that stands in the way, known before or met on the first try.
  Result<JobOutcome> run_job(ActionContext& context, SystemdManager& manager, const UnitState& unit,
                             bool reset_first, Report& report) const;
  Status reset_start_limit(ActionContext& context, SystemdManager& manager, const UnitState& judged,
                           Report& report) const;
  /// Whether a unit that was judged before may still be acted on. `reset`: its failed state was reset since.
  Status judge_again(const ActionContext& context, const UnitState& judged, const UnitState& now,
                     bool reset) const;
  Status check_outcome(ActionContext& context, SystemdManager& manager, const JobOutcome& outcome,
                       Report& report) const;

  const UnitVerb verb_;
  const MakeManager make_manager_;
  std::string unit_;
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

}  // namespace chiron::remediation
