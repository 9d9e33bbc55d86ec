#pragma once

#include "exporter/base/result.h"
#include "exporter/base/systemd.h"

#include <functional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// Whether a unit is one that no remedy touches, manual or not, whatever its configuration allows: without
/// the bus, systemd's own units and sshd nobody gets in again, and Chiron does not act on itself. Also
/// refuses what is no service, socket, timer or path unit. permission_denied, with the reason.
Status check_not_denied(std::string_view name);
/// The same for every alias of the unit that was found, and for the process that asks.
Status check_not_denied(const UnitState& unit);

/// Whether the verb would, by systemd's own propagation (org.freedesktop.systemd1(5), systemd.unit(5)), also
/// stop a running unit that no remedy touches: one that requires, is bound to or part of the target, at any
/// depth, or one that a start conflicts with; or reload one along with the target. `lookup` finds a unit by
/// name. permission_denied, with the unit and how it hangs on the target; an error of `lookup`.
using UnitLookup = std::function<Result<UnitState>(const std::string& name)>;
Status check_dependents(UnitVerb verb, const UnitState& unit, const UnitLookup& lookup);

/// What to do with a unit that is there and not denied.
struct Judgement {
  enum class Verdict {
    act,
    nothing_to_do,  ///< it is already as the verb would make it
    leave_alone,    ///< somebody else's turn or will
  };
  Verdict verdict = Verdict::leave_alone;
  std::string reason;         ///< for a person: "failed (exit-code)", "was stopped on request"
  bool reset_failed = false;  ///< the start limit stands in the way: ResetFailedUnit first
};

struct Circumstances {
  bool watched = false;  ///< the operator wants it up: services: in the configuration
  bool manual = false;   ///< a person asks for this very unit now
};

/// An operator's will wins: failed units are healed; inactive ones only when watched, and when their process
/// ended by itself, not by a stop that a person or systemd asked for. When in doubt the unit is left alone.
Judgement judge(UnitVerb verb, const UnitState& unit, Circumstances circumstances);
/// The same for a unit whose failed state was reset in order to start it, so that it does not show any more:
/// whether it still is down and nobody is about to do anything with it.
Judgement judge_after_reset(UnitVerb verb, const UnitState& unit, Circumstances circumstances);

}  // namespace chiron::remediation
