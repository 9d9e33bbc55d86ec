#include "remediation/engine/planner.h"
#include "remediation/engine/remediator_impl.h"
#include "remediation/engine/target.h"

#include <fmt/format.h>

namespace chiron::remediation {

Result<RemedySpec> Remediator::Impl::find(std::string_view name) const {
  const RemedyList all = list();
  std::vector<std::string_view> known;
  for (const RemedySpec& remedy : *all) {
    if (remedy.name == name) return remedy;
    known.push_back(remedy.name);
  }
  return not_there("remedy", name, known);
}

Decision Remediator::Impl::absence(const RemedySpec& remedy) const {
  if (std::optional<std::string> absent = absence_of(remedy, services.paths, options.container_sockets))
    return {Suppression::absent, *std::move(absent), std::nullopt};
  return {};
}

Decision Remediator::Impl::decide(const RemedySpec& remedy, std::string_view name, bool person) const {
  const Target target = target_named(remedy, name);
  if (!target.ok()) return {target.reason, target.detail, std::nullopt};
  if (const std::optional<std::string> occupant = pool.occupant(target.name)) {
    return {Suppression::in_progress, fmt::format("a run of {} on {} is in progress", *occupant, target.name),
            std::nullopt};
  }
  if (Decision without = absence(remedy); without.reason != Suppression::none) return without;
  Decision decision = book.decide(remedy.name, target.name, person ? as_asked(remedy.policy) : remedy.policy);
  if (decision.reason != Suppression::approval) return decision;
  if (const auto waits = approvals.waits(remedy, target.name)) {
    decision.detail = fmt::format("it waits until {} for `chiron remedy approve {}`",
                                  clock_time(services.clock.wall(), waits->second), waits->first);
  }
  return decision;
}

Result<std::string> Remediator::Impl::launch(Run::Plan plan, RunRecord record) {
  const std::string remedy = record.remedy;
  auto launched = pool.launch(std::move(plan), std::move(record));
  if (auto* refusal = std::get_if<RunPool::Refusal>(&launched)) {
    if (!remedy.empty()) metrics.suppressed(remedy, refusal->reason);
    return std::move(refusal->error);
  }
  return std::get<std::string>(std::move(launched));
}

Result<std::string> Remediator::request(RunRequest request, bool force) {
  Result<RemedySpec> remedy = impl_->find(request.remedy);
  if (!remedy) return std::move(remedy).error();
  const bool dry_run = request.dry_run || impl_->book.gate() != Gate::automatic;
  rules::TemplateData data;
  if (request.alert) {
    data.labels = &request.alert->labels;
    data.value = request.alert->value;
  }
  const Target target = target_named(*remedy, request.target, request.alert ? &data : nullptr);
  if (!target.ok()) return Error(ErrorCode::permission_denied, target.detail);
  if (!force) {
    const Decision decision = dry_run ? impl_->absence(*remedy) : impl_->decide(*remedy, target.name, true);
    if (decision.reason != Suppression::none) {
      impl_->metrics.suppressed(remedy->name, decision.reason);
      return Error(ErrorCode::failed_precondition,
                   fmt::format("{}: {}", to_string(decision.reason), decision.detail));
    }
  }
  RunRecord record = intent_of(remedy->name, target.name, request.alert ? &*request.alert : nullptr, dry_run);
  record.trigger = request.trigger;
  record.requested_by = request.requested_by;
  Run::Plan plan = run_plan(*remedy, target.name, std::move(request.alert), dry_run);
  plan.manual = request.trigger == "manual";
  plan.policy = as_asked(remedy->policy);
  if (force) plan.policy.reset();
  return impl_->launch(std::move(plan), std::move(record));
}

Result<std::string> Remediator::run_action(std::string_view action, ArgumentValues arguments,
                                           std::string requested_by) {
  Result<const ActionInfo*> info = action_named(action);
  if (!info) return std::move(info).error();
  StepSpec step{*info, std::move(arguments), {}};
  // A mistake in an argument is told to who made it, not to the ledger.
  if (Result<PreparedStep> sound = prepare_step(step, nullptr); !sound) return std::move(sound).error();
  const std::string target = target_of(**info, step.arguments);
  if (std::optional<std::string> denied = denied_target(target)) {
    return Error(ErrorCode::permission_denied, *std::move(denied));
  }
  const bool dry_run = impl_->book.gate() != Gate::automatic;
  RunRecord record = intent_of("", target, nullptr, dry_run);
  record.trigger = "manual";
  record.requested_by = std::move(requested_by);
  Run::Plan plan;
  plan.steps.push_back(std::move(step));
  plan.templates = false;
  plan.cure.target = target;
  plan.dry_run = dry_run;
  plan.manual = true;
  return impl_->launch(std::move(plan), std::move(record));
}

Result<RemedyPlan> Remediator::plan(std::string_view remedy_name, std::string_view target_name) {
  Result<RemedySpec> remedy = impl_->find(remedy_name);
  if (!remedy) return std::move(remedy).error();
  RemedyPlan plan{remedy->name, std::string(target_name), impl_->decide(*remedy, target_name, false), {}};
  const Target target = target_named(*remedy, target_name);
  if (!target.ok()) return plan;
  plan.target = target.name;
  // What the steps would say has the same cause, but not its name.
  if (plan.decision.reason == Suppression::absent) return plan;
  plan.steps = plan_steps(impl_->steps, remedy->steps, target.name, remedy->name);
  return plan;
}

Result<Plan> Remediator::plan_action(std::string_view action, const ArgumentValues& arguments) {
  Result<const ActionInfo*> info = action_named(action);
  if (!info) return std::move(info).error();
  return plan_steps(impl_->steps, {StepSpec{*info, arguments, {}}}, target_of(**info, arguments), "")
      .front()
      .plan;
}

Status Remediator::pause(std::string_view remedy, std::optional<Duration> length) {
  if (!remedy.empty()) {
    if (Result<RemedySpec> known = impl_->find(remedy); !known) return std::move(known).error();
  }
  return impl_->pauses.pause(remedy, length);
}

Status Remediator::resume(std::string_view remedy) { return impl_->pauses.resume(remedy); }

Status Remediator::reset(std::string_view remedy, std::string_view target, std::string_view who) {
  Result<RemedySpec> known = impl_->find(remedy);
  if (!known) return std::move(known).error();
  std::string name;
  if (!target.empty()) {
    const Target wanted = target_named(*known, target);
    if (!wanted.ok()) return Error(ErrorCode::invalid_argument, wanted.detail);
    name = wanted.name;
  }
  RunRecord row = intent_of(remedy, name, nullptr, false);
  row.trigger = kResetTrigger;
  row.requested_by = who;
  row.mode = "";
  row.state = RunState::succeeded;
  row.reason = "earlier attempts no longer count";
  row.started = moment_now(impl_->services.clock);
  row.finished = row.started;
  // The row is what a restart rebuilds from: what is not on disk is not forgotten.
  if (Result<std::string> recorded = impl_->services.ledger.begin(std::move(row)); !recorded) {
    return std::move(recorded).error().wrap("nothing was reset, it could not be recorded");
  }
  impl_->book.reset(remedy, name);
  impl_->services.log.info("remedy reset",
                           {{"remedy", remedy}, {"target", name.empty() ? "any" : name}, {"by", who}});
  impl_->dispatcher.wake();
  return {};
}

Result<std::string> Remediator::approve(std::string_view run_id, std::string_view who) {
  return impl_->approvals.approve(run_id, who);
}

Status Remediator::reject(std::string_view run_id, std::string_view who) {
  return impl_->approvals.reject(run_id, who);
}

}  // namespace chiron::remediation
