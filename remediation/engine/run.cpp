#include "remediation/engine/run.h"

#include "exporter/base/parse.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

// For all steps of on_failure together: what they tell of should be told before anybody has given up on it.
constexpr Duration kAfterFailure = std::chrono::minutes(2);
constexpr Duration kAskAgain = std::chrono::seconds(10);

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

StepOwner owner_of(const Run& run, const RunRecord& record, int step) {
  return {.run_id = record.id,
          .target = record.target,
          .cancel = run.cancel(),
          .manual = run.plan().manual,
          .step = step,
          .run = {.remedy = record.remedy, .target = record.target}};
}

rules::TemplateData data_of(const Cure& cure) {
  static const Labels kNone;
  rules::TemplateData data;
  data.labels = cure.alert ? &cure.alert->labels : &kNone;
  data.value = cure.alert ? cure.alert->value : 0;
  data.target = cure.target;
  return data;
}

/// Whether the steps so far changed nothing: what only reads, and the last one, which left its target alone.
bool has_done_nothing(const RunRecord& record) {
  return std::all_of(record.steps.begin(), record.steps.end() - 1, [](const StepRecord& step) {
    const ActionInfo* const action = find_action(step.action);
    return action != nullptr && action->only_reads;
  });
}

}  // namespace

Result<std::vector<PreparedStep>> RunExecutor::prepare(const Run& run) const {
  const rules::TemplateData data = data_of(run.plan().cure);
  std::vector<PreparedStep> prepared;
  for (const StepSpec& step : run.plan().steps) {
    Result<PreparedStep> ready = prepare_step(step, run.plan().templates ? &data : nullptr);
    if (!ready) return std::move(ready).error();
    prepared.push_back(*std::move(ready));
  }
  return prepared;
}

RunExecutor::End RunExecutor::when_cancelled(std::string reason) const {
  if (services_.stopping()) return {RunState::interrupted, "the agent stopped: " + reason};
  return {RunState::cancelled, std::move(reason)};
}

RunExecutor::End RunExecutor::do_step(Run& run, PreparedStep prepared, int index, const End* failure) const {
  const RunRecord record = run.record();
  StepRecord step;
  step.index = index;
  step.action = prepared.info->name;
  step.arguments = prepared.arguments_json;
  step.started = moment_now(services_.clock);
  // What is not on disk as intended is not done.
  if (Status begun = services_.ledger.begin_step(record.id, step); !begun) {
    return {RunState::failed,
            fmt::format("step {} was not started: {}", index + 1, begun.error().to_string())};
  }
  run.update([&step](RunRecord& r) { r.steps.push_back(step); });
  boundary("after begin_step");
  StepOwner owner = owner_of(run, record, index);
  owner.may_go_on = failure == nullptr;
  if (failure != nullptr) {
    owner.run.state = to_string(failure->state);
    owner.run.reason = failure->reason;
  }
  StepResult result = services_.steps.run(std::move(prepared), owner);
  boundary("after action");
  if (result.outcome == "goes_on") return {RunState::interrupted, "", true};
  end_step(run, step, std::move(result), failure);
  step = run.record().steps.back();
  if (step.outcome == "succeeded") return {};
  const std::string reason = fmt::format("step {} ({}): {}", index + 1, step.action, step.detail);
  if (step.outcome == "cancelled") return when_cancelled(reason);
  if (step.outcome == StepRunner::kLeftAlone && has_done_nothing(run.record())) {
    return {RunState::suppressed, fmt::format("{}: {}", to_string(Suppression::left_alone), reason)};
  }
  return {step.outcome == "timed_out" ? RunState::timed_out : RunState::failed, reason};
}

void RunExecutor::end_step(Run& run, StepRecord step, StepResult result, const End* failure) const {
  const RunRecord record = run.record();
  step.outcome = result.outcome;
  step.detail = failure == nullptr ? result.detail : fmt::format("on_failure: {}", result.detail);
  step.took = result.took;
  step.freed_bytes = result.report.freed_bytes;
  step.removed_objects = result.report.removed_objects;
  if (Status ended = services_.ledger.end_step(record.id, step); !ended) {
    services_.log.error("step not recorded",
                        {{"run", record.id}, {"step", step.index}, {"error", ended.error().to_string()}});
  }
  boundary("after end_step");
  run.update([&step](RunRecord& r) {
    r.steps.back() = step;
    r.freed_bytes += step.freed_bytes;
    r.removed_objects += step.removed_objects;
  });
  services_.metrics.step_ended(step.action, step.outcome, step.took);
  services_.log.write(step.outcome == "succeeded" ? LogLevel::info : LogLevel::warning, "step ended",
                      {{"run", record.id},
                       {"remedy", record.remedy},
                       {"target", record.target},
                       {"step", step.index},
                       {"action", step.action},
                       {"outcome", step.outcome},
                       {"detail", step.detail},
                       {"duration_seconds", seconds(step.took)},
                       {"freed_bytes", step.freed_bytes},
                       {"removed_objects", step.removed_objects}});
}

RunExecutor::End RunExecutor::resume(Run& run) const {
  const RunRecord record = run.record();
  StepRecord step = record.steps.back();
  const ActionInfo* const action = find_action(step.action);
  const std::string ended = fmt::format("the agent ended while the run was {}", to_string(record.state));
  StepResult result{.outcome = "not_found", .detail = {}, .report = {}, .took = {}};
  if (action != nullptr) {
    Result<PreparedStep> prepared = prepare_recorded(*action, step.arguments);
    if (prepared) {
      // The step's time goes on too; asking what became of it takes a moment in any case.
      const Duration passed = services_.clock.boot() - step.started.boot;
      prepared->timeout = std::max(prepared->timeout - passed, kAskAgain);
      result = services_.steps.resume(*std::move(prepared), owner_of(run, record, step.index));
    } else {
      result.detail = prepared.error().to_string();
    }
  }
  if (result.outcome == "goes_on") return {RunState::interrupted, "", true};
  if (result.outcome == "not_found") {
    result.outcome = "interrupted";
    result.detail.clear();
    end_step(run, step, std::move(result));
    return {RunState::interrupted, ended};
  }
  result.took = services_.clock.boot() - step.started.boot;
  const std::string outcome = result.outcome;
  const std::string reason = fmt::format("{}; step {} ({}) went on without it and {}", ended, step.index + 1,
                                         step.action, outcome == "succeeded" ? outcome : result.detail);
  end_step(run, step, std::move(result));
  if (outcome == "failed") return {RunState::failed, reason};
  if (outcome == "timed_out") return {RunState::timed_out, reason};
  if (outcome == "cancelled") return when_cancelled(reason);
  // An action by hand is its one step; what else a remedy's run had before it is not known any more.
  if (record.remedy.empty()) return {RunState::succeeded, reason};
  return {RunState::interrupted, reason + "; what comes after it was not done"};
}

RunExecutor::End RunExecutor::verify(Run& run) const {
  const Cure& cure = run.plan().cure;
  if (!Verifier::applies(cure)) return {RunState::succeeded, "nothing to verify"};
  const BootTime ended = services_.clock.boot();
  run.update([](RunRecord& r) { r.state = RunState::verifying; });
  if (Status set = services_.ledger.set_state(run.record().id, RunState::verifying, ""); !set) {
    services_.log.warning("run state not recorded",
                          {{"run", run.record().id}, {"error", set.error().to_string()}});
  }
  Verdict verdict = services_.verifier.verify(cure, ended, run.cancel());
  if (verdict.state == RunState::cancelled) return when_cancelled(std::move(verdict.detail));
  return {verdict.state, std::move(verdict.detail)};
}

RunExecutor::End RunExecutor::act(Run& run) const {
  // All steps before the first: a mistake in the last one must not leave the remedy half-done.
  Result<std::vector<PreparedStep>> steps = prepare(run);
  if (!steps) return {RunState::failed, steps.error().to_string()};
  for (std::size_t i = 0; i < steps->size(); ++i) {
    if (run.cancel().cancelled()) return when_cancelled(fmt::format("cancelled before step {}", i + 1));
    if (!run.enter_step((*steps)[i].info->stops_cleanly))
      return {RunState::cancelled, fmt::format("paused before step {}", i + 1)};
    End end = do_step(run, std::move((*steps)[i]), static_cast<int>(i));
    run.leave_step();
    if (end.state == RunState::cancelled && run.held()) end.reason = "paused: " + end.reason;
    if (end.goes_on || end.state != RunState::succeeded) return end;
  }
  return verify(run);
}

/// Whatever becomes of these steps, the run ends as it ended.
void RunExecutor::after_failure(Run& run, const End& end) const {
  const RunRecord record = run.record();
  // The reason may hold what a program wrote.
  std::string reason = end.reason;
  std::ranges::replace_if(
      reason, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  const Labels facts{{"remedy", record.remedy},
                     {"run", record.id},
                     {"state", std::string(to_string(end.state))},
                     {"reason", std::move(reason)}};
  rules::TemplateData data = data_of(run.plan().cure);
  data.run = &facts;
  const BootTime deadline = services_.clock.boot() + kAfterFailure;
  int index = static_cast<int>(record.steps.size());
  for (const StepSpec& spec : run.plan().on_failure) {
    const auto skip = [&](std::string_view why) {
      services_.log.warning("step of on_failure not started", {{"run", record.id},
                                                               {"remedy", record.remedy},
                                                               {"target", record.target},
                                                               {"action", spec.action->name},
                                                               {"error", why}});
    };
    Result<PreparedStep> step = prepare_step(spec, &data);
    const Duration left = deadline - services_.clock.boot();
    if (!step) {
      skip(step.error().to_string());
    } else if (left <= Duration::zero()) {
      skip(fmt::format("the steps before it took {}", format_duration(kAfterFailure)));
    } else if (run.cancel().cancelled() || !run.enter_step(step->info->stops_cleanly)) {
      skip("the run was cancelled, or its remedy paused");
    } else {
      step->timeout = std::min(step->timeout, left);
      if (run.plan().dry_run && !step->info->only_reads) {
        plan_step(run, *std::move(step), index++, &end);
      } else {
        do_step(run, *std::move(step), index++, &end);
      }
      run.leave_step();
    }
  }
}

std::uint64_t RunExecutor::plan_step(Run& run, PreparedStep prepared, int index, const End* failure) const {
  const RunRecord record = run.record();
  StepRecord step;
  step.index = index;
  step.action = prepared.info->name;
  step.arguments = prepared.arguments_json;
  step.started = moment_now(services_.clock);
  const Result<Plan> plan = services_.steps.plan(std::move(prepared), owner_of(run, record, index));
  step.took = services_.clock.boot() - step.started.boot;
  step.outcome = plan ? "planned" : "failed";
  step.detail = plan ? plan->summary : "cannot plan: " + plan.error().to_string();
  if (failure != nullptr) step.detail = "on_failure: " + step.detail;
  if (Status begun = services_.ledger.begin_step(record.id, step); !begun) {
    services_.log.warning("plan not recorded", {{"run", record.id}, {"error", begun.error().to_string()}});
  }
  services_.log.info("step planned", {{"run", record.id},
                                      {"remedy", record.remedy},
                                      {"target", record.target},
                                      {"step", step.index},
                                      {"action", step.action},
                                      {"would", step.detail}});
  run.update([&step](RunRecord& r) { r.steps.push_back(step); });
  return plan ? plan->bytes : 0;
}

/// What only reads is carried out: a dry-run holds nothing back of it. The rest is planned.
RunExecutor::End RunExecutor::rehearse(Run& run) const {
  Result<std::vector<PreparedStep>> steps = prepare(run);
  if (!steps) return {RunState::planned, fmt::format("dry_run: would fail: {}", steps.error().to_string())};
  std::uint64_t bytes = 0;
  std::string fault;
  for (std::size_t i = 0; i < steps->size(); ++i) {
    PreparedStep& step = (*steps)[i];
    const int index = static_cast<int>(i);
    if (!step.info->only_reads) {
      bytes += plan_step(run, std::move(step), index);
      const StepRecord planned = run.record().steps.back();
      if (fault.empty() && planned.outcome == "failed")
        fault = fmt::format("step {} ({}): {}", i + 1, planned.action, planned.detail);
      continue;
    }
    if (run.cancel().cancelled()) return when_cancelled(fmt::format("cancelled before step {}", i + 1));
    const End end = do_step(run, std::move(step), index);
    if (end.state != RunState::succeeded) return end;
  }
  if (!fault.empty()) return {RunState::planned, "dry_run: would fail: " + fault};
  return {RunState::planned,
          bytes > 0 ? fmt::format("dry_run: would free {}", format_bytes(bytes)) : "dry_run"};
}

void RunExecutor::finish(Run& run, End end) const {
  run.update([&](RunRecord& r) {
    r.state = end.state;
    r.reason = end.reason;
    r.finished = moment_now(services_.clock);
  });
  const RunRecord record = run.record();
  boundary("before finish");
  if (Status status = services_.ledger.finish(record.id, record.state, record.reason, record.freed_bytes,
                                              record.removed_objects);
      !status) {
    services_.log.error("run end not recorded", {{"run", record.id}, {"error", status.error().to_string()}});
  }
  if (!run.plan().dry_run) {
    services_.book.note_end(record.remedy, record.target, *record.finished, record.state);
    if (record.state == RunState::suppressed) {
      services_.metrics.suppressed(record.remedy, Suppression::left_alone);
    } else {
      services_.metrics.run_ended(record);
    }
  }
  const bool well = record.state == RunState::succeeded || record.state == RunState::planned ||
                    record.state == RunState::suppressed;
  // As for one that nothing is left of: an end that no executor saw.
  const bool lost = run.plan().resumed && record.state == RunState::interrupted;
  services_.log.write(well ? LogLevel::info : LogLevel::warning, lost ? "run interrupted" : "run ended",
                      {{"run", record.id},
                       {"remedy", record.remedy},
                       {"alert", record.alertname},
                       {"target", record.target},
                       {"outcome", to_string(record.state)},
                       {"reason", record.reason},
                       {"duration_seconds", seconds(record.finished->boot - record.started.boot)},
                       {"freed_bytes", record.freed_bytes},
                       {"removed_objects", record.removed_objects}});
}

void RunExecutor::carry_out(Run& run) const {
  End end;
  try {
    end = run.plan().resumed ? resume(run) : run.plan().dry_run ? rehearse(run) : act(run);
    if (end.goes_on) {
      // As if the agent had been killed: the next one takes it up.
      services_.log.warning("run goes on without the agent",
                            {{"run", run.record().id}, {"target", run.record().target}});
      return;
    }
    const bool failed = end.state == RunState::failed || end.state == RunState::timed_out ||
                        end.state == RunState::ineffective;
    if (failed) after_failure(run, end);
  } catch (const std::exception& fault) {
    end = {RunState::failed, fmt::format("a fault of Chiron's own: {}", fault.what())};
  }
  finish(run, std::move(end));
}

}  // namespace chiron::remediation
