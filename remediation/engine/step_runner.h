#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/isolation.h"
#include "remediation/actions/action.h"
#include "remediation/actions/host_view.h"
#include "remediation/engine/remedy_file.h"
#include "rules/engine/template.h"

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// A step with its arguments expanded, bound and validated: ready to be planned or run once.
struct PreparedStep {
  const ActionInfo* info = nullptr;
  std::unique_ptr<Action> action;
  std::string arguments_json;
  Duration timeout{};
};
/// `data` nothing: the arguments hold no templates and are taken as they are.
Result<PreparedStep> prepare_step(const StepSpec& step, const rules::TemplateData* data);
/// What a step is about: the name of the first argument that its action requires, patterns apart.
std::string_view subject_of(const ActionInfo& action);
/// {"unit":"nginx.service"}; the values of pairs are left out.
std::string arguments_to_json(const ArgumentValues& values);
/// A step that was recorded, with what arguments_to_json() kept of it: to resume, not to run again.
Result<PreparedStep> prepare_recorded(const ActionInfo& action, std::string_view arguments_json);

/// On whose behalf a step runs.
struct StepOwner {
  std::string run_id;
  std::string target;
  CancelToken cancel;
  bool manual = false;
  int step = 0;
  bool may_go_on = true;  ///< without the agent, where its action can
  RunFacts run = {};
};
struct StepResult {
  std::string
      outcome;  ///< succeeded, failed, timed_out, cancelled, left_alone; goes_on, not_found of a resumed one
  std::string detail;  ///< summary, or the error chain
  Report report;       ///< empty when the step was abandoned
  Duration took{};
};

/// Runs the code of actions on threads of their own, so that one that hangs in a system call past its
/// deadline is left behind instead of waited for. Its target stays stuck until the thread returns.
/// Thread-safe.
class StepRunner {
 public:
  struct Options {
    DeletionPolicy deletion;
    BusAddress bus;
    std::vector<std::string> watched_services;
    std::vector<std::string> container_sockets = {};  ///< ActionContext::container_sockets
    std::shared_ptr<const HostView> host = {};        ///< shared with abandoned steps
    Duration grace =
        std::chrono::seconds(10);  ///< beyond the deadline or the cancellation, before it is left behind
    std::size_t max_stuck = 16;    ///< threads left behind before no step is started any more
    RequestPolicy requests = {};
    // Borrowed; a step that was left behind asks nothing of them any more.
    alerting::Notifier* notifier = nullptr;
    Findings* findings = nullptr;
  };
  StepRunner(Options options, const HostPaths& paths, const Clock& clock, EventLog& log);

  /// Report::left_alone, as an outcome.
  static constexpr std::string_view kLeftAlone = "left_alone";

  StepResult run(PreparedStep step, const StepOwner& owner);
  /// Takes up what the step of an earlier process began: Action::resume.
  StepResult resume(PreparedStep step, const StepOwner& owner);
  Result<Plan> plan(PreparedStep step, const StepOwner& owner);
  /// Whether an abandoned step of this target has not returned yet.
  bool stuck(std::string_view target) const;
  /// Holds for steps from now on.
  void set_policies(DeletionPolicy deletion, RequestPolicy requests);
  /// From then on nothing is waited for past `line`: the agent is stopping.
  void abandon_at(BootTime line);

 private:
  struct Job;
  struct Stuck {
    std::mutex mutex;
    std::map<std::string, std::size_t, std::less<>> targets;  // guarded by mutex
  };
  /// Carries the job out; false when it was left behind.
  Result<bool> carry_out(const std::shared_ptr<Job>& job, const StepOwner& owner);
  static void work(const std::shared_ptr<Job>& job, const std::shared_ptr<Stuck>& stuck,
                   const std::string& target);
  Result<std::shared_ptr<Job>> make_job(PreparedStep step, const StepOwner& owner) const;
  using Doing = Status (Action::*)(ActionContext&, Report&);
  StepResult perform(PreparedStep step, const StepOwner& owner, Doing doing);

  const Options options_;
  mutable std::mutex policy_mutex_;
  DeletionPolicy deletion_;  // guarded by policy_mutex_
  RequestPolicy requests_;   // guarded by policy_mutex_
  const HostPaths paths_;
  const Clock& clock_;
  EventLog& log_;
  const std::shared_ptr<Stuck> stuck_ = std::make_shared<Stuck>();
  const std::shared_ptr<Isolation> isolation_ =
      std::make_shared<Isolation>();  ///< shared with abandoned steps
  std::atomic<Duration::rep> abandon_at_{Duration::max().count()};
  const std::shared_ptr<std::atomic<bool>> stopping_ =
      std::make_shared<std::atomic<bool>>(false);  ///< shared with abandoned steps
};

}  // namespace chiron::remediation
