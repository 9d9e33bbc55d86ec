#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/series/reader.h"
#include "exporter/series/self_metrics.h"
#include "remediation/actions/action.h"
#include "remediation/actions/host_view.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"
#include "rules/engine/engine.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chiron::remediation {

/// "Run remedy R on target T because of A": all that the acting half is told. Serialisable, so that it can
/// become a process of its own.
struct RunRequest {
  std::string remedy;
  std::string target;
  std::string trigger = "alert";  ///< alert, schedule, manual
  std::string requested_by;
  std::optional<rules::Alert> alert;
  bool dry_run = false;
};
std::string to_json(const RunRequest& request);

struct StepPlan {
  std::string action;
  Result<Plan> plan;
};

/// What a remedy would do now, and whether it may.
struct RemedyPlan {
  std::string remedy, target;
  Decision decision;
  std::vector<StepPlan> steps;
};

/// Turns firing alerts and schedules into runs, and carries them out: policy, ledger, steps, verification,
/// metrics, log. consider() and frame_done() on the sampling thread, never blocking; the rest on any thread.
class Remediator {
 public:
  /// What a reload may change of the options.
  struct Limits {
    DeletionPolicy deletion;
    Gate gate = Gate::automatic;
    HostBudget budget;
    RequestPolicy requests = {};
  };
  struct Options {
    std::size_t workers = 4;
    BusAddress bus;
    std::vector<std::string> watched_services;
    std::vector<std::string> container_sockets = {};  ///< ActionContext::container_sockets
    std::shared_ptr<const HostView> host;  ///< for health.check and report.write; nothing: they fail
    Limits limits;
    /// STATE_DIR/pause: as long as it is there every remedy is paused. "": there is none.
    std::string pause_file;
    /// Beyond a step's deadline or its cancellation, before its thread is left behind.
    Duration grace = std::chrono::seconds(10);
    /// Called on the way of a run: "after planned", "after begin", "after begin_step", "after action", "after
    /// end_step", "before finish". For tests that end the process there.
    std::function<void(std::string_view boundary)> boundary;
  };
  struct Services {
    Ledger& ledger;
    /// Whether an alert's own expression still yields its labels: rules::Engine::still_holds.
    std::function<Result<bool>(const rules::Alert&)> still_holds;
    const SeriesReader& store;
    SelfMetrics& metrics;
    const HostPaths& paths;
    const Clock& clock;
    EventLog& log;
    /// Asks the sampling loop for a frame soon, so that verification need not wait for the next interval. Any
    /// thread.
    std::function<void()> want_frame;
    /// Tells people for steps; nothing: there is nobody to tell.
    alerting::Notifier* notifier = nullptr;
  };
  Remediator(Services services, Options options);
  ~Remediator();

  /// Recovers the ledger, rebuilds cooldowns, budgets and pauses. Before the first consider().
  Status start();
  /// The first half of start(), for a ledger that could not be opened before it; until then its begin() has
  /// to refuse. What was paused since stays paused.
  Status take_up();
  /// The part of it that only reads: cooldowns, budgets and pauses from the ledger, for planning without
  /// an agent.
  Status recall();
  void load(std::vector<RemedySpec> remedies);
  std::vector<RemedySpec> remedies() const;
  /// Holds for runs and steps from now on.
  void set_limits(Limits limits);

  /// Looks at every firing alert and at what is due by its schedule; starts what policy allows. What is
  /// suppressed is counted and recorded once per alert and reason, not once per evaluation.
  void consider(std::span<const rules::Alert> firing);
  /// A frame whose collection began at `boot` is in the store: verifications look again. Before consider() of
  /// the same pass, so that an alert that was computed before a run ended does not start another.
  void frame_done(BootTime boot);

  /// A person's request. Returns the run's id, or why not. Cooldown and budget hold for it too unless
  /// `force`.
  Result<std::string> request(RunRequest request, bool force = false);
  /// One action outside any remedy, for `chiron action run`; recorded like a run, remedy "".
  Result<std::string> run_action(std::string_view action, ArgumentValues arguments, std::string requested_by);
  Result<RemedyPlan> plan(std::string_view remedy, std::string_view target);
  Result<Plan> plan_action(std::string_view action, const ArgumentValues& arguments);

  /// Starts no more runs. Of those under way no further step begins, actions that remove things stop between
  /// two of them, others finish their step: a unit or a program half-way would be worse than either end.
  Status pause(std::string_view remedy, std::optional<Duration> length);
  Status resume(std::string_view remedy);
  /// Forgets, on record, what earlier attempts hold against the remedy on the target, "" on any: cooldown,
  /// backoff, breaker, budget.
  Status reset(std::string_view remedy, std::string_view target, std::string_view who);
  /// Begins a run that waits for approval, unless policy objects by now; its id. The alert must still fire.
  Result<std::string> approve(std::string_view run_id, std::string_view who);
  /// Ends the wait; the remedy does not ask again while the alert fires.
  Status reject(std::string_view run_id, std::string_view who);
  std::vector<RunRecord> waiting() const;
  Decision decision(std::string_view remedy, std::string_view target) const;
  /// When the remedy's schedule is due next; nothing without one, and before the first pass.
  std::optional<WallTime> next_run(std::string_view remedy) const;
  /// What of its mode holds now: dry-run when the time is over for which it was armed. Whatever
  /// remediation.mode says.
  Mode mode(const RemedySpec& remedy) const;
  /// Since when, and until when, a remedy is armed that is so for a time.
  std::optional<PolicyBook::ArmedFor> arming(std::string_view remedy) const;
  /// How policy stands towards the remedy on the targets where its past matters, by name.
  std::vector<TargetState> states(const RemedySpec& remedy) const;
  /// Whether a person holds the remedy back now, alone or with all others; "" asks for all.
  std::optional<Decision> paused(std::string_view remedy) const;
  std::vector<RunRecord> active() const;
  bool cancel(std::string_view run_id);

  /// Starts nothing more, cancels what runs, waits at most `wait`; what has not ended by then is marked
  /// interrupted.
  void stop(Duration wait);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chiron::remediation
