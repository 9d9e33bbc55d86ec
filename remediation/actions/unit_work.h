#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/unit_policy.h"

#include <functional>
#include <memory>
#include <string>

namespace chiron::remediation {

/// What is done to one systemd unit within a step. Done means that systemd's job ended with "done", and for
/// start and restart that the unit has a new InvocationID and is active a moment later (or was a oneshot that
/// succeeded), for reload that the same invocation is active a moment later. Who may be acted on is decided
/// by unit_policy.h: first when the unit is found, and once more on the state that is read right before each
/// job is queued, which must be that of the same invocation still. One thread.
class UnitWork {
 public:
  using MakeManager = std::function<std::unique_ptr<SystemdManager>(BusAddress)>;

  UnitWork(ActionContext& context, SystemdManager& manager) : context_(context), manager_(manager) {}

  /// By what a person wrote, "nginx" for nginx.service; refuses what is denied.
  Result<UnitState> find(const std::string& unit) const;
  /// Refuses a verb that would reach a unit that is denied: check_dependents.
  Status check_reach(UnitVerb verb, const UnitState& unit) const;
  Judgement judge(UnitVerb verb, const UnitState& unit) const;
  /// Judges a unit that was found and, when the judgement is to act, acts and sees what came of it. Nothing
  /// to do is a success with a summary that says so; left alone is failed_precondition, and said in `report`.
  Status perform(UnitVerb verb, const UnitState& unit, Report& report) const;
  /// Whether the unit is up after `settle`, in that invocation still; its state then. unavailable when not.
  Result<UnitState> stays_up(UnitVerb verb, const UnitState& unit, Duration settle) const;

 private:
  Status act(UnitVerb verb, const UnitState& unit, bool reset_first, Report& report) const;
  /// Resets a start limit that stands in the way, known before or met on the first try.
  Result<JobOutcome> run_job(UnitVerb verb, const UnitState& unit, bool reset_first, Report& report) const;
  Status reset_start_limit(UnitVerb verb, const UnitState& judged, Report& report) const;
  /// Whether a unit that was judged before may still be acted on. `reset`: its failed state was reset since.
  Status judge_again(UnitVerb verb, const UnitState& judged, const UnitState& now, bool reset) const;
  Status check_outcome(UnitVerb verb, const JobOutcome& outcome, Report& report) const;
  Duration call_timeout() const;

  ActionContext& context_;
  SystemdManager& manager_;
};

/// "active (running)", "failed (failed), result exit-code"
std::string describe(const UnitState& unit);

}  // namespace chiron::remediation
