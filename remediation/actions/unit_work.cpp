#include "remediation/actions/unit_work.h"

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
    case UnitVerb::reload:
      return "reloaded";
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

std::string why_not(std::string_view job_result) {
  if (job_result == "dependency") return "a unit that it requires did not start";
  if (job_result == "canceled") return "somebody cancelled the job";
  if (job_result == "timeout") return "the unit's own start, stop or reload timeout passed";
  if (job_result == "skipped") return "one of its conditions does not hold";
  return "the unit did not do it";
}

/// The start was refused before the unit got an invocation of its own. That is what a start limit looks like:
/// systemd 252 keeps the first failure of a crash loop as Result, so "start-limit-hit" mostly does not show.
bool refused_at_start_limit(UnitVerb verb, const JobOutcome& outcome) {
  const bool starts = verb == UnitVerb::start || verb == UnitVerb::restart;
  return starts && outcome.result == "failed" && outcome.after.active_state == "failed" &&
         outcome.after.invocation_id == outcome.before.invocation_id;
}

Error not_well(UnitVerb verb, const UnitState& unit, std::string_view how) {
  return {ErrorCode::unavailable,
          fmt::format("{} {}: systemd's job is done, but {} ({}); see journalctl -u {}", to_string(verb),
                      unit.id, how, describe(unit), unit.id)};
}

}  // namespace

std::string describe(const UnitState& unit) {
  std::string text = unit.active_state + " (" + unit.sub_state + ")";
  if (!unit.result.empty() && unit.result != "success") text += ", result " + unit.result;
  return text;
}

Duration UnitWork::call_timeout() const { return std::min(kCallTimeout, context_.remaining()); }

Result<UnitState> UnitWork::find(const std::string& unit) const {
  const std::string name = full_unit_name(unit);
  if (Status allowed = check_not_denied(name); !allowed) return std::move(allowed).error();
  Result<UnitState> found = manager_.unit(name, call_timeout());
  if (!found) return found;
  if (Status allowed = check_not_denied(*found); !allowed) return std::move(allowed).error();
  return found;
}

Status UnitWork::check_reach(UnitVerb verb, const UnitState& unit) const {
  return check_dependents(verb, unit,
                          [&](const std::string& other) { return manager_.unit(other, call_timeout()); });
}

Judgement UnitWork::judge(UnitVerb verb, const UnitState& unit) const {
  return remediation::judge(verb, unit, {.watched = is_watched(context_, unit), .manual = context_.manual});
}

Status UnitWork::perform(UnitVerb verb, const UnitState& unit, Report& report) const {
  if (Status safe = check_reach(verb, unit); !safe) return safe;
  report.facts.emplace_back("unit", unit.id);
  report.facts.emplace_back("state_before", describe(unit));
  const Judgement judgement = judge(verb, unit);
  if (judgement.verdict == Verdict::nothing_to_do) {
    report.summary = fmt::format("{} {} already", unit.id, judgement.reason);
    return {};
  }
  if (judgement.verdict == Verdict::leave_alone) {
    report.left_alone = true;
    return left_alone(unit, judgement.reason);
  }
  return act(verb, unit, judgement.reset_failed, report);
}

Status UnitWork::judge_again(UnitVerb verb, const UnitState& judged, const UnitState& now, bool reset) const {
  if (Status allowed = check_not_denied(now); !allowed) return allowed;
  if (has_new(now.takes_along, judged.takes_along) || has_new(now.conflicts, judged.conflicts) ||
      has_new(now.reloads_along, judged.reloads_along)) {
    return left_alone(now, "has other dependencies than a moment ago");
  }
  if (now.id != judged.id) return left_alone(judged, fmt::format("has become {} meanwhile", now.id));
  // A unit that was reset may be unloaded, and forgets its invocation then.
  const bool forgotten = reset && now.invocation_id.empty();
  if (now.invocation_id != judged.invocation_id && !forgotten) {
    return left_alone(now, "was started by somebody else meanwhile");
  }
  const Judgement judgement =
      reset ? judge_after_reset(verb, now, {.manual = context_.manual}) : judge(verb, now);
  return judgement.verdict == Verdict::act ? Status() : left_alone(now, judgement.reason);
}

Status UnitWork::reset_start_limit(UnitVerb verb, const UnitState& judged, Report& report) const {
  // Afterwards nothing tells any more how the unit had failed, and whether somebody stopped it since.
  Result<UnitState> now = manager_.unit(judged.id, call_timeout());
  if (!now) return std::move(now).error();
  if (Status still = judge_again(verb, judged, *now, false); !still) return still;
  if (Status reset = manager_.reset_failed(judged.id, call_timeout()); !reset) return reset;
  report.facts.emplace_back("start_limit", "reset");
  return {};
}

Result<JobOutcome> UnitWork::run_job(UnitVerb verb, const UnitState& unit, bool reset_first,
                                     Report& report) const {
  UnitState judged = unit;
  for (;;) {
    if (reset_first) {
      if (Status reset = reset_start_limit(verb, judged, report); !reset) return std::move(reset).error();
    }
    if (context_.remaining() <= Duration::zero()) {
      return Error(ErrorCode::timed_out, fmt::format("no time was left to {} {}", to_string(verb), unit.id));
    }
    const auto guard = [&](const UnitState& now) { return judge_again(verb, judged, now, reset_first); };
    Result<JobOutcome> outcome =
        manager_.run_job({verb, unit.id, context_.remaining(), guard}, context_.cancel);
    if (!outcome || reset_first || !refused_at_start_limit(verb, *outcome)) return outcome;
    judged = outcome->after;
    reset_first = true;
  }
}

Status UnitWork::act(UnitVerb verb, const UnitState& unit, bool reset_first, Report& report) const {
  Result<JobOutcome> outcome = run_job(verb, unit, reset_first, report);
  if (!outcome) return std::move(outcome).error();
  report.facts.emplace_back("job_result", outcome->result);
  report.facts.emplace_back("state_after", describe(outcome->after));
  report.facts.emplace_back("invocation_id", outcome->after.invocation_id);
  if (outcome->result != "done") {
    return Error(ErrorCode::unavailable,
                 fmt::format("{} {}: job {}: {} ({}); see journalctl -u {}", to_string(verb), unit.id,
                             outcome->result, why_not(outcome->result), describe(outcome->after), unit.id));
  }
  if (Status good = check_outcome(verb, *outcome, report); !good) return good;
  report.summary = fmt::format("{} {}", past_of(verb), unit.id);
  return {};
}

Status UnitWork::check_outcome(UnitVerb verb, const JobOutcome& outcome, Report& report) const {
  const UnitState& after = outcome.after;
  if (verb == UnitVerb::stop) {
    if (after.active_state == "inactive" || after.active_state == "failed") return {};
    return not_well(verb, after, "the unit is up again");
  }
  const bool is_new = !after.invocation_id.empty() && after.invocation_id != outcome.before.invocation_id;
  if (verb == UnitVerb::reload) {
    if (is_new) return not_well(verb, after, "it was started anew meanwhile");
  } else {
    if (after.type == "oneshot" && after.active_state == "inactive" && after.result == "success" &&
        (is_new || after.invocation_id.empty())) {
      return {};  // systemd forgets the invocation of a finished unit that nothing refers to
    }
    if (!is_new) return not_well(verb, after, "it was not started anew");
  }
  Result<UnitState> settled = stays_up(verb, after, kSettle);
  if (!settled) return std::move(settled).error();
  report.facts.emplace_back("main_pid", std::to_string(settled->main_pid));
  return {};
}

Result<UnitState> UnitWork::stays_up(UnitVerb verb, const UnitState& unit, Duration settle) const {
  context_.cancel.wait_for(std::min(settle, std::max(context_.remaining(), Duration::zero())));
  // The job is over: reading what became of it gets a moment of its own when the deadline is near.
  Result<UnitState> settled =
      manager_.unit(unit.id, std::clamp(context_.remaining(), kLastCall, kCallTimeout));
  if (!settled) return settled;
  const bool up = settled->active_state == "active" || settled->active_state == "reloading";
  if (!up) return not_well(verb, *settled, "it did not stay up");
  if (settled->invocation_id != unit.invocation_id) {
    return not_well(verb, *settled, "it ended and systemd started it again");
  }
  return settled;
}

}  // namespace chiron::remediation
