#include "remediation/actions/service_rolling.h"

#include "exporter/base/http_client.h"
#include "exporter/base/url.h"
#include "remediation/actions/glob.h"
#include "remediation/actions/request_policy.h"
#include "remediation/actions/rolling.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr Duration kListing = std::chrono::seconds(5);
/// How often, and how long each time, a unit that was restarted is asked for an answer.
constexpr Duration kAsk = std::chrono::milliseconds(500);
constexpr Duration kAnswer = std::chrono::seconds(5);
constexpr std::size_t kMostItems = 200;  // of a plan

bool is_glob(const std::string& unit) { return unit.find_first_of("*?[") != std::string::npos; }

}  // namespace

void ServiceRollingRestart::declare(Arguments& arguments) {
  arguments.add_patterns("units", &units_,
                         "units in their order, or globs of units that are up: web@*.service, nginx",
                         Need::required);
  arguments.mark_subject("units");
  arguments.add("pause", &pause_, Need::optional,
                "time between one unit's return and the next one's restart");
  arguments.add("settle", &settle_, Need::optional, "how long each must stay up before it counts as back");
  arguments.add("check", &check_, Need::optional,
                "URL that must answer with a status of 200 to 299 after each restart");
  arguments.mark_url("check");
}

Status ServiceRollingRestart::validate() const {
  if (units_.empty()) return Error(ErrorCode::invalid_argument, "units: name at least one");
  for (const std::string& unit : units_) {
    if (is_glob(unit)) continue;
    if (Status allowed = check_not_denied(full_unit_name(unit)); !allowed)
      return std::move(allowed).error().wrap("units");
  }
  if (pause_ < Duration::zero()) return Error(ErrorCode::invalid_argument, "pause: a negative time");
  if (settle_ < Duration::zero()) return Error(ErrorCode::invalid_argument, "settle: a negative time");
  if (check_.empty()) return {};
  const Result<Url> url = parse_url(check_);
  if (!url) return Error(url.error()).wrap("check");
  if (url->scheme == "unix")
    return Error(ErrorCode::invalid_argument, "check: must begin with http:// or https://");
  return {};
}

Result<std::vector<UnitState>> ServiceRollingRestart::select(const UnitWork& work, SystemdManager& manager,
                                                             const ActionContext& context) const {
  if (!check_.empty()) {
    if (Status good = check_request_allowed(context, check_); !good)
      return std::move(good).error().wrap("check");
  }
  std::vector<std::string> names;
  std::vector<UnitSummary> there;
  for (const std::string& unit : units_) {
    if (!is_glob(unit)) {
      names.push_back(full_unit_name(unit));
      continue;
    }
    if (there.empty()) {
      Result<std::vector<UnitSummary>> listed = manager.list_units(std::min(kListing, context.remaining()));
      if (!listed) return std::move(listed).error();
      there = *std::move(listed);
      std::ranges::sort(there, {}, &UnitSummary::name);
    }
    const std::string pattern = full_unit_name(unit);
    for (const UnitSummary& each : there) {
      if (each.active_state == "active" && glob_match(pattern, each.name)) names.push_back(each.name);
    }
  }
  std::vector<UnitState> selected;
  for (const std::string& name : names) {
    Result<UnitState> unit = work.find(name);
    if (!unit) return std::move(unit).error();
    if (Status safe = work.check_reach(UnitVerb::restart, *unit); !safe) return std::move(safe).error();
    const bool again =
        std::ranges::any_of(selected, [&](const UnitState& one) { return one.id == unit->id; });
    if (!again) selected.push_back(*std::move(unit));
  }
  return selected;
}

Result<Plan> ServiceRollingRestart::plan(ActionContext& context) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  const UnitWork work(context, *manager);
  const Result<std::vector<UnitState>> selected = select(work, *manager, context);
  if (!selected) return selected.error();
  Plan plan;
  plan.objects = selected->size();
  std::string ends_at;
  for (const UnitState& unit : *selected) {
    const Judgement judgement = work.judge(UnitVerb::restart, unit);
    if (plan.items.size() < kMostItems) {
      plan.items.push_back({.what = "unit " + unit.id, .note = describe(unit)});
    }
    if (judgement.verdict != Judgement::Verdict::act && ends_at.empty()) {
      ends_at = fmt::format(", until {}: it {}", unit.id, judgement.reason);
    }
  }
  plan.summary = fmt::format("restart {} units one after the other{}", selected->size(), ends_at);
  return plan;
}

Status ServiceRollingRestart::run(ActionContext& context, Report& report) {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context.bus);
  const UnitWork work(context, *manager);
  const Result<std::vector<UnitState>> selected = select(work, *manager, context);
  if (!selected) return selected.error();
  if (selected->empty()) {
    report.summary = "nothing to do: no unit that is up has such a name";
    return {};
  }
  std::vector<RollingMember> members;
  for (const UnitState& unit : *selected) {
    members.push_back({unit.id, [&, id = unit.id](Report& one) { return restart(context, work, id, one); }});
  }
  return restart_one_by_one(context, "units", members, pause_, report);
}

Status ServiceRollingRestart::restart(ActionContext& context, const UnitWork& work, const std::string& unit,
                                      Report& report) const {
  // Anew: the restart of one before it may have changed it.
  const Result<UnitState> before = work.find(unit);
  if (!before) return before.error();
  if (Status done = work.perform(UnitVerb::restart, *before, report); !done) return done;
  const Result<UnitState> up = work.find(unit);
  if (!up) return up.error();
  if (up->type != "oneshot") {
    if (Result<UnitState> still = work.stays_up(UnitVerb::restart, *up, settle_); !still)
      return std::move(still).error();
  }
  return check_.empty() ? Status() : wait_for_answer(context, unit);
}

Status ServiceRollingRestart::wait_for_answer(ActionContext& context, const std::string& unit) const {
  std::string last = "it was not asked";
  while (!context.should_stop()) {
    const Result<HttpResponse> answer = http_request(
        {.url = check_, .timeout = std::min(kAnswer, context.remaining()), .cancel = context.cancel});
    if (answer && answer->status >= 200 && answer->status < 300) return {};
    last = answer ? fmt::format("status {}", answer->status) : answer.error().to_string();
    context.cancel.wait_for(std::min(kAsk, std::max(context.remaining(), Duration::zero())));
  }
  if (context.cancel.cancelled())
    return Error(ErrorCode::cancelled, fmt::format("{}: cancelled while {} was asked", unit, check_));
  return Error(
      ErrorCode::timed_out,
      fmt::format("{} is up, but {} did not answer well in the step's time: {}", unit, check_, last));
}

}  // namespace chiron::remediation
