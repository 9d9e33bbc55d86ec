#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/event_log.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/step_runner.h"
#include "remediation/engine/verifier.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"

#include <functional>
#include <mutex>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// One run on its way: what it shall do, constant; and its record, which others may look at.
class Run {
 public:
  struct Plan {
    std::vector<StepSpec> steps;
    std::vector<StepSpec> on_failure{};
    bool templates = true;  ///< the steps' arguments are templates; else they are taken as they are
    Cure cure;
    bool dry_run = false;
    bool manual = false;
    /// An earlier process began it, and its last recorded step may go on: that is followed, nothing is begun.
    bool resumed = false;
    /// Looked at once more when the run has its target to itself, and a pause holds it; nothing: a person
    /// insists.
    std::optional<PolicySpec> policy;
  };
  Run(Plan plan, RunRecord record) : plan_(std::move(plan)), record_(std::move(record)) {}

  const Plan& plan() const { return plan_; }
  const CancelToken& cancel() const { return cancel_; }
  void request_cancel() { cancel_.cancel(); }
  /// No step begins any more. The one under way is let finish, unless it stops cleanly.
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
    if (stops_cleanly_) cancel_.cancel();
  }
  bool held() const {
    const std::lock_guard lock(mutex_);
    return held_;
  }
  /// Whether a step may begin.
  bool enter_step(bool stops_cleanly) {
    const std::lock_guard lock(mutex_);
    stops_cleanly_ = stops_cleanly && !held_;
    return !held_;
  }
  void leave_step() {
    const std::lock_guard lock(mutex_);
    stops_cleanly_ = false;
  }
  RunRecord record() const {
    const std::lock_guard lock(mutex_);
    return record_;
  }
  template <class Change>
  void update(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(record_);
  }

 private:
  const Plan plan_;
  CancelToken cancel_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  RunRecord record_;
  bool held_ = false;
  bool stops_cleanly_ = false;  // the step under way
};

/// Carries out a run whose intent is in the ledger: every step's intent before it, its outcome after,
/// verification, and the end. Blocks its thread; never throws. Thread-safe.
class RunExecutor {
 public:
  struct Services {
    Ledger& ledger;
    StepRunner& steps;
    const Verifier& verifier;
    OutcomeMetrics& metrics;
    PolicyBook& book;
    const Clock& clock;
    EventLog& log;
    std::function<void(std::string_view)> boundary;
    std::function<bool()> stopping;
  };
  explicit RunExecutor(Services services) : services_(std::move(services)) {}
  void carry_out(Run& run) const;
  void boundary(std::string_view name) const {
    if (services_.boundary) services_.boundary(name);
  }

 private:
  struct End {
    RunState state = RunState::succeeded;
    std::string reason{};
    bool goes_on = false;  ///< the agent ends, the step under way does not
  };
  End act(Run& run) const;
  End rehearse(Run& run) const;
  End resume(Run& run) const;
  /// `failure`: how the run ended, when this is a step of on_failure.
  void end_step(Run& run, StepRecord step, StepResult result, const End* failure = nullptr) const;
  /// `failure`: how the run ended, when this is a step of on_failure.
  End do_step(Run& run, PreparedStep step, int index, const End* failure = nullptr) const;
  /// Records what it would do; the bytes that it would free.
  std::uint64_t plan_step(Run& run, PreparedStep step, int index, const End* failure = nullptr) const;
  void after_failure(Run& run, const End& end) const;
  End verify(Run& run) const;
  End when_cancelled(std::string reason) const;
  Result<std::vector<PreparedStep>> prepare(const Run& run) const;
  void finish(Run& run, End end) const;

  Services services_;
};

}  // namespace chiron::remediation
