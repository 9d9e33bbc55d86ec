#pragma once

#include "remediation/engine/approvals.h"
#include "remediation/engine/run_pool.h"
#include "remediation/engine/scheduler.h"
#include "remediation/engine/suppression_notes.h"
#include "remediation/engine/target.h"
#include "rules/engine/engine.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// RunRecord::trigger of what a schedule asked for.
inline constexpr std::string_view kScheduleTrigger = "schedule";

/// Looks at the firing alerts and the schedules on a thread of its own and launches the runs that policy
/// allows.
/// Level-triggered: what fires is looked at again in every pass and after every run, so nothing needs to be
/// remembered for later.
class Dispatcher {
 public:
  struct Services {
    Ledger& ledger;
    RunPool& pool;
    Approvals& approvals;
    PolicyBook& book;
    OutcomeMetrics& metrics;
    Scheduler& schedules;
    const HostPaths& paths;
    const std::vector<std::string>& container_sockets;  ///< ActionContext::container_sockets
    const Clock& clock;
    EventLog& log;
    std::function<Result<bool>(const rules::Alert&)> still_holds;
    std::function<RemedyList()> remedies;
    /// On the dispatcher's thread, before alerts are looked at in each pass.
    std::function<void()> housekeeping;
  };
  explicit Dispatcher(Services services);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  void start();
  void stop();
  /// Alerts as of a frame that began at `frame`. Returns at once. When nothing fires, and nothing did before,
  /// the thread is woken every few seconds only: for the schedules, approvals that expire, the pause file.
  void consider(std::span<const rules::Alert> firing, BootTime frame);
  /// Looks again at the newest alerts.
  void wake();

 private:
  struct Firing {
    std::vector<rules::Alert> alerts;
    BootTime frame;
  };
  void loop();
  void pass(const Firing& firing);
  void look(const RemedySpec& remedy, const rules::Alert& alert, BootTime frame);
  void suppress(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert,
                const Decision& why);
  void ask(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert);
  void launch(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert, bool dry_run);
  /// `alert` nothing: a schedule asked.
  void record_suppressed(const RemedySpec& remedy, const std::string& target, const rules::Alert* alert,
                         const Decision& why);
  void look_at_schedules(const std::vector<RemedySpec>& remedies);
  void look(const RemedySpec& remedy, const Turn& turn);
  std::optional<Decision> hindrance(const RemedySpec& remedy, const Turn& turn, const Target& target);
  void ask_for_turn(const RemedySpec& remedy, const std::string& target);
  bool rehearsed_lately(const RemedySpec& remedy, const std::string& target);
  bool take(const RemedySpec& remedy, const Turn& turn);
  void update_exhausted();

  Services services_;
  // Touched by the thread only.
  SuppressionNotes notes_;
  PolicyBook rehearsals_;  ///< attempts in dry-run: they do not hold up real ones
  std::set<std::pair<std::string, std::string>> asked_in_vain_;  ///< in this pass, exhausted remedies
  std::set<std::pair<std::string, std::string>> exhausted_;      ///< of which the metric is 1
  std::set<std::string> absent_;     ///< scheduled remedies of which it was told that something is absent
  std::set<std::string> not_taken_;  ///< of which it was told that the ledger does not take their turn
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::shared_ptr<const Firing> firing_;
  std::optional<BootTime> idle_looked_;  ///< when it was last woken for nothing that fires
  bool look_again_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// The record of a run before it begins. Without an alert the trigger is the caller's to name.
RunRecord intent_of(std::string_view remedy, std::string_view target, const rules::Alert* alert,
                    bool dry_run);
/// What a remedy's run does.
Run::Plan run_plan(const RemedySpec& remedy, const std::string& target, std::optional<rules::Alert> alert,
                   bool dry_run);

}  // namespace chiron::remediation
