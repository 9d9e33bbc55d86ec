#include "remediation/actions/service.h"

#include "remediation/actions/unit_policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Verdict = Judgement::Verdict;

/// One answer from the bus; the job itself may take what remains of the step.
constexpr Duration kCallTimeout = std::chrono::seconds(5);
constexpr Duration kLastCall = std::chrono::seconds(1);
/// How long a service must stay up before a start counts. Type=simple is "done" as soon as the process was
/// forked, before execve(2) failed.
constexpr Duration kSettle = std::chrono::milliseconds(250);

std::string_view past_of(UnitVerb verb) {
  switch (verb) {
    case UnitVerb::start:
      return "started";
    case UnitVerb::stop:
      return "stopped";
    case UnitVerb::restart:
      return "restarted";
  }
  return "";
}

bool is_watched(const ActionContext& context, const UnitState& unit) {
  return std::any_of(
      context.watched_services.begin(), context.watched_services.end(), [&](const std::string& watched) {
        const std::string name = full_unit_name(watched);
        return name == unit.id || std::find(unit.names.begin(), unit.names.end(), name) != unit.names.end();
      });
}

bool has_new(const std::vector<std::string>& now, const std::vector<std::string>& before) {
  return std::any_of(now.begin(), now.end(), [&](const std::string& name) {
    return std::find(before.begin(), before.end(), name) == before.end();
  });
}

Error left_alone(const UnitState& unit, std::string_view reason) {
  return {ErrorCode::failed_precondition, fmt::format("{} is left alone: it {}", unit.id, reason)};
}

Judgement judge_now(const ActionContext& context, UnitVerb verb, const UnitState& unit) {
  return judge(verb, unit, {.watched = is_watched(context, unit), .manual = context.manual});
}

std::string describe(const UnitState& unit) {
  std::string text = unit.active_state + " (" + unit.sub_state + ")";
  if (!unit.result.empty() && unit.result != "success") text += ", result " + unit.result;
  return text;
}

std::string why_not(std::string_view job_result) {
  if (job_result == "dependency") return "a unit that it requires did not start";
  if (job_result == "canceled") return "somebody cancelled the job";
  if (job_result == "timeout") return "the unit's own start or stop timeout passed";
  if (job_result == "skipped") return "one of its conditions does not hold";
  return "the unit did not do it";
}

}  // namespace

void ServiceAction::declare(Arguments& arguments) {
  arguments.add("unit", &unit_, Need::required, "unit to act on: nginx.service, or nginx for short");
}

Status ServiceAction::validate() const { return check_not_denied(full_unit_name(unit_)); }

Result<UnitState> ServiceAction::find_unit(ActionContext& context, SystemdManager& manager) const {
  const std::string name = full_unit_name(unit_);
  if (Status allowed = check_not_denied(name); !allowed) return std::move(allowed).error();
  Result<UnitState> unit = manager.unit(name, std::min(kCallTimeout, context.remaining()));
  if (!unit) return unit;
  if (Status allowed = check_not_denied(*unit); !allowed) return std::move(allowed).error();
  const auto lookup = [&](const std::string& other) {
    return manager.unit(other, std::min(kCallTimeout, context.remaining()));
  };
  if (Status safe = check_dependents(verb_, *unit, lookup); !safe) return std::move(safe).error();
  return unit;
}

Result<Plan> ServiceAction::plan(ActionContext& context) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  Result<UnitState> unit = find_unit(context, *manager);
  if (!unit) return std::move(unit).error();
  const Judgement judgement = judge_now(context, verb_, *unit);
  Plan plan;
  const bool acts = judgement.verdict == Verdict::act;
  plan.objects = acts ? 1 : 0;
  plan.items.push_back(
      {.what = "unit " + unit->id, .bytes = 0, .objects = plan.objects, .note = describe(*unit)});
  if (acts) {
    plan.summary =
        fmt::format("{} {}{}: it {}", to_string(verb_), unit->id,
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
  Result<UnitState> unit = find_unit(context, *manager);
  if (!unit) return std::move(unit).error();
  report.facts.emplace_back("unit", unit->id);
  report.facts.emplace_back("state_before", describe(*unit));
  const Judgement judgement = judge_now(context, verb_, *unit);
  if (judgement.verdict == Verdict::nothing_to_do) {
    report.summary = fmt::format("{} {} already", unit->id, judgement.reason);
    return {};
  }
  if (judgement.verdict == Verdict::leave_alone) {
    return left_alone(*unit, judgement.reason);
  }
  return act(context, *manager, *unit, judgement.reset_failed, report);
}

/// The start was refused before the unit got an invocation of its own. That is what a start limit looks like:
/// systemd 252 keeps the first failure of a crash loop as Result, so "start-limit-hit" mostly does not show.
bool refused_at_start_limit(UnitVerb verb, const JobOutcome& outcome) {
  return verb != UnitVerb::stop && outcome.result == "failed" && outcome.after.active_state == "failed" &&
         outcome.after.invocation_id == outcome.before.invocation_id;
}

Status ServiceAction::judge_again(const ActionContext& context, const UnitState& judged, const UnitState& now,
                                  bool reset) const {
  if (Status allowed = check_not_denied(now); !allowed) return allowed;
  if (has_new(now.takes_along, judged.takes_along) || has_new(now.conflicts, judged.conflicts)) {
    return left_alone(now, "has other dependencies than a moment ago");
  }
  if (now.id != judged.id) return left_alone(judged, fmt::format("has become {} meanwhile", now.id));
  // A unit that was reset may be unloaded, and forgets its invocation then.
  const bool forgotten = reset && now.invocation_id.empty();
  if (now.invocation_id != judged.invocation_id && !forgotten) {
    return left_alone(now, "was started by somebody else meanwhile");
  }
  const Judgement judgement =
      reset ? judge_after_reset(verb_, now, {.manual = context.manual}) : judge_now(context, verb_, now);
  return judgement.verdict == Verdict::act ? Status() : left_alone(now, judgement.reason);
}

Status ServiceAction::reset_start_limit(ActionContext& context, SystemdManager& manager,
                                        const UnitState& judged, Report& report) const {
  // Afterwards nothing tells any more how the unit had failed, and whether somebody stopped it since.
  Result<UnitState> now = manager.unit(judged.id, std::min(kCallTimeout, context.remaining()));
  if (!now) return std::move(now).error();
  if (Status still = judge_again(context, judged, *now, false); !still) return still;
  if (Status reset = manager.reset_failed(judged.id, std::min(kCallTimeout, context.remaining())); !reset) {
    return reset;
  }
  report.facts.emplace_back("start_limit", "reset");
  return {};
}

Result<JobOutcome> ServiceAction::run_job(ActionContext& context, SystemdManager& manager,
                                          const UnitState& unit, bool reset_first, Report& report) const {
  UnitState judged = unit;
  for (;;) {
    if (reset_first) {
      if (Status reset = reset_start_limit(context, manager, judged, report); !reset) {
        return std::move(reset).error();
      }
    }
    if (context.remaining() <= Duration::zero()) {
      return Error(ErrorCode::timed_out, fmt::format("no time was left to {} {}", to_string(verb_), unit.id));
    }
    const auto guard = [&](const UnitState& now) { return judge_again(context, judged, now, reset_first); };
    Result<JobOutcome> outcome =
        manager.run_job({verb_, unit.id, context.remaining(), guard}, context.cancel);
    if (!outcome || reset_first || !refused_at_start_limit(verb_, *outcome)) return outcome;
    judged = outcome->after;
    reset_first = true;
  }
}

Status ServiceAction::act(ActionContext& context, SystemdManager& manager, const UnitState& unit,
                          bool reset_first, Report& report) const {
  Result<JobOutcome> outcome = run_job(context, manager, unit, reset_first, report);
  if (!outcome) return std::move(outcome).error();
  report.facts.emplace_back("job_result", outcome->result);
  report.facts.emplace_back("state_after", describe(outcome->after));
  report.facts.emplace_back("invocation_id", outcome->after.invocation_id);
  if (outcome->result != "done") {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} {}: job {}: {} ({}); see journalctl -u {}", to_string(verb_), unit.id,
                             outcome->result, why_not(outcome->result), describe(outcome->after), unit.id));
  }
  if (Status good = check_outcome(context, manager, *outcome, report); !good) return good;
  report.summary = fmt::format("{} {}", past_of(verb_), unit.id);
  return {};
}

Status ServiceAction::check_outcome(ActionContext& context, SystemdManager& manager,
                                    const JobOutcome& outcome, Report& report) const {
  const UnitState& after = outcome.after;
  const auto failed = [&](const UnitState& state, std::string_view how) {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} {}: systemd's job is done, but {} ({}); see journalctl -u {}",
                             to_string(verb_), after.id, how, describe(state), after.id));
  };
  if (verb_ == UnitVerb::stop) {
    if (after.active_state == "inactive" || after.active_state == "failed") return {};
    return failed(after, "the unit is up again");
  }
  const bool is_new = !after.invocation_id.empty() && after.invocation_id != outcome.before.invocation_id;
  if (after.type == "oneshot" && after.active_state == "inactive" && after.result == "success" &&
      (is_new || after.invocation_id.empty())) {
    return {};  // systemd forgets the invocation of a finished unit that nothing refers to
  }
  if (!is_new) return failed(after, "it was not started anew");
  context.cancel.wait_for(std::min(kSettle, std::max(context.remaining(), Duration::zero())));
  // The job is over: reading what became of it gets a moment of its own when the deadline is near.
  Result<UnitState> settled =
      manager.unit(after.id, std::clamp(context.remaining(), kLastCall, kCallTimeout));
  if (!settled) return std::move(settled).error();
  const bool up = settled->active_state == "active" || settled->active_state == "reloading";
  if (!up) return failed(*settled, "it did not stay up");
  if (settled->invocation_id != after.invocation_id)
    return failed(*settled, "it ended and systemd started it again");
  report.facts.emplace_back("main_pid", std::to_string(settled->main_pid));
  return {};
}

}  // namespace chiron::remediation
