#include "remediation/actions/service.h"

#include <fmt/format.h>

namespace chiron::remediation {

using Verdict = Judgement::Verdict;

void ServiceAction::declare(Arguments& arguments) {
  arguments.add("unit", &unit_, Need::required, "unit to act on: nginx.service, or nginx for short");
  if (verb_ != UnitVerb::reload) return;
  arguments.add("or_restart", &or_restart_, Need::optional,
                "restart the unit, as service.restart does, when it is down or cannot be reloaded");
}

Status ServiceAction::validate() const { return check_not_denied(full_unit_name(unit_)); }

UnitVerb ServiceAction::verb_for(const UnitState& unit) const {
  // Chosen here, not by ReloadOrRestartUnit: a restart reaches other units than a reload, and is judged by
  // other rules.
  const bool reloadable =
      unit.can_reload && (unit.active_state == "active" || unit.active_state == "reloading");
  return or_restart_ && !reloadable ? UnitVerb::restart : verb_;
}

Result<Plan> ServiceAction::plan(ActionContext& context) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  const UnitWork work(context, *manager);
  Result<UnitState> unit = work.find(unit_);
  if (!unit) return std::move(unit).error();
  const UnitVerb verb = verb_for(*unit);
  if (Status safe = work.check_reach(verb, *unit); !safe) return std::move(safe).error();
  const Judgement judgement = work.judge(verb, *unit);
  Plan plan;
  const bool acts = judgement.verdict == Verdict::act;
  plan.objects = acts ? 1 : 0;
  plan.items.push_back(
      {.what = "unit " + unit->id, .bytes = 0, .objects = plan.objects, .note = describe(*unit)});
  if (acts) {
    plan.summary =
        fmt::format("{} {}{}: it {}", to_string(verb), unit->id,
                    judgement.reset_failed ? " after resetting its start limit" : "", judgement.reason);
  } else {
    plan.summary = fmt::format(
        "{} {}: it {}", judgement.verdict == Verdict::nothing_to_do ? "nothing to do for" : "leave alone",
        unit->id, judgement.reason);
  }
  return plan;
}

Status ServiceAction::run(ActionContext& context, Report& report) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  const UnitWork work(context, *manager);
  Result<UnitState> unit = work.find(unit_);
  if (!unit) return std::move(unit).error();
  return work.perform(verb_for(*unit), *unit, report);
}

}  // namespace chiron::remediation
