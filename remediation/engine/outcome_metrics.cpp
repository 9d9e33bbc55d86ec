#include "remediation/engine/outcome_metrics.h"

#include "remediation/engine/step_runner.h"

namespace chiron::remediation {
namespace {

constexpr std::array<RunState, 6> kEnds{RunState::succeeded, RunState::ineffective, RunState::failed,
                                        RunState::timed_out, RunState::cancelled,   RunState::interrupted};
constexpr std::array<std::string_view, 5> kStepEnds{"succeeded", "failed", "timed_out", "cancelled",
                                                    StepRunner::kLeftAlone};

Labels labels(std::string_view first, std::string_view value, std::string_view second = {},
              std::string_view second_value = {}) {
  std::vector<Label> all{{std::string(first), std::string(value)}};
  if (!second.empty()) all.push_back({std::string(second), std::string(second_value)});
  return Labels(std::move(all));
}

}  // namespace

OutcomeMetrics::OutcomeMetrics(SelfMetrics& metrics)
    : metrics_(metrics),
      paused_(metrics.gauge("chiron_remedies_paused", "Remedies that are paused now.")),
      active_(metrics.gauge("chiron_runs_active", "Runs that are carried out or verified now.")),
      waiting_(metrics.gauge("chiron_runs_waiting", "Runs that wait until a person approves them.")) {
  for (const PauseCause cause : all_pause_causes()) {
    all_paused_[cause] = &metrics.gauge(
        "chiron_remediation_paused",
        "1 while every remedy is held back for this cause: a command, the file in the state directory, "
        "a boot loop, or a ledger that was damaged.",
        labels("cause", to_string(cause)));
  }
}

SelfMetrics::Counter& OutcomeMetrics::runs(std::string_view remedy, std::string_view outcome) {
  return metrics_.counter("chiron_remedy_runs_total", "Runs of a remedy that have ended, by how they ended.",
                          labels("remedy", remedy, "outcome", outcome));
}

SelfMetrics::Counter& OutcomeMetrics::actions(std::string_view action, std::string_view outcome) {
  return metrics_.counter("chiron_action_runs_total",
                          "Steps that have ended, by their action and how they ended.",
                          labels("action", action, "outcome", outcome));
}

SelfMetrics::Histogram& OutcomeMetrics::durations(std::string_view action) {
  return metrics_.histogram("chiron_action_duration_seconds", "How long the steps of an action took.",
                            {0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900}, labels("action", action));
}

SelfMetrics::Counter& OutcomeMetrics::freed(std::string_view remedy) {
  return metrics_.counter("chiron_freed_bytes_total", "Bytes freed by a remedy.", labels("remedy", remedy));
}

SelfMetrics::Counter& OutcomeMetrics::removed(std::string_view remedy) {
  return metrics_.counter("chiron_removed_objects_total",
                          "Files, keys and other objects removed by a remedy.", labels("remedy", remedy));
}

void OutcomeMetrics::declare(const std::vector<RemedySpec>& remedies) {
  for (const RemedySpec& remedy : remedies) {
    for (const RunState end : kEnds) runs(remedy.name, to_string(end));
    for (const Suppression reason : all_suppressions()) {
      metrics_.counter(
          "chiron_remedy_suppressed_total",
          "Times that a remedy was asked for and did not act, by reason; once per alert and reason.",
          labels("remedy", remedy.name, "reason", to_string(reason)));
    }
    metrics_.gauge(
        "chiron_remedy_last_run_timestamp_seconds",
        "When the newest run of a remedy began, in seconds since the Unix epoch; 0 before the first.",
        labels("remedy", remedy.name));
    freed(remedy.name);
    removed(remedy.name);
    for (const auto* steps : {&remedy.steps, &remedy.on_failure}) {
      for (const StepSpec& step : *steps) {
        for (const std::string_view end : kStepEnds) actions(step.action->name, end);
        durations(step.action->name);
      }
    }
  }
}

void OutcomeMetrics::run_ended(const RunRecord& run) {
  // An action by hand belongs to no remedy; chiron_action_runs_total has it.
  if (run.remedy.empty()) return;
  runs(run.remedy, to_string(run.state)).increment();
  freed(run.remedy).increment(static_cast<double>(run.freed_bytes));
  removed(run.remedy).increment(static_cast<double>(run.removed_objects));
  metrics_
      .gauge("chiron_remedy_last_run_timestamp_seconds",
             "When the newest run of a remedy began, in seconds since the Unix epoch; 0 before the first.",
             labels("remedy", run.remedy))
      .set(static_cast<double>(to_ms(run.started.wall)) / 1000);
}

void OutcomeMetrics::step_ended(std::string_view action, std::string_view outcome, Duration took) {
  actions(action, outcome).increment();
  durations(action).observe(std::chrono::duration<double>(took).count());
}

void OutcomeMetrics::suppressed(std::string_view remedy, Suppression reason) {
  if (remedy.empty()) return;
  metrics_
      .counter("chiron_remedy_suppressed_total",
               "Times that a remedy was asked for and did not act, by reason; once per alert and reason.",
               labels("remedy", remedy, "reason", to_string(reason)))
      .increment();
}

void OutcomeMetrics::at_work(std::string_view remedy, std::string_view target, bool yes) {
  if (remedy.empty()) return;
  metrics_
      .gauge("chiron_remedy_active",
             "1 while a run of the remedy on the target is carried out or verified, else 0.",
             labels("remedy", remedy, "target", target))
      .set(yes ? 1 : 0);
}

void OutcomeMetrics::set_all_paused(PauseCause cause, bool yes) { all_paused_.at(cause)->set(yes ? 1 : 0); }

void OutcomeMetrics::exhausted(std::string_view remedy, std::string_view target, bool yes) {
  metrics_
      .gauge("chiron_remedy_exhausted",
             "1 while an alert asks for a remedy whose budget for the target is used up or whose breaker is "
             "open, "
             "or the host's budget is used up, else 0.",
             labels("remedy", remedy, "target", target))
      .set(yes ? 1 : 0);
}

void OutcomeMetrics::next_run(std::string_view remedy, std::optional<WallTime> at) {
  metrics_
      .gauge("chiron_remedy_next_run_timestamp_seconds",
             "When the schedule of a remedy is due next, in seconds since the Unix epoch; 0 when it has none "
             "any "
             "more.",
             labels("remedy", remedy))
      .set(at ? static_cast<double>(to_ms(*at)) / 1000 : 0);
}

void OutcomeMetrics::armed_until(std::string_view remedy, std::optional<WallTime> at) {
  metrics_
      .gauge(
          "chiron_remedy_armed_until_timestamp_seconds",
          "When a remedy that is armed for a time falls back to dry-run, or did, in seconds since the Unix "
          "epoch; 0 when it is not armed for a time any more.",
          labels("remedy", remedy))
      .set(at ? static_cast<double>(to_ms(*at)) / 1000 : 0);
}

}  // namespace chiron::remediation
