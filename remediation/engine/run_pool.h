#pragma once

#include "remediation/engine/run.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

namespace chiron::remediation {

/// Runs on a bounded number of worker threads, never two on one target. There is no queue to speak of: when
/// all workers are taken a launch is refused, and whoever wants it asks again on fresher knowledge.
/// Thread-safe.
class RunPool {
 public:
  struct Options {
    std::size_t workers = 4;
    std::function<void()> run_ended;  ///< on a worker thread, after each run
  };
  struct Services {
    Ledger& ledger;
    StepRunner& steps;
    PolicyBook& book;
    OutcomeMetrics& metrics;
    const Clock& clock;
    EventLog& log;
  };
  RunPool(Options options, Services services);
  ~RunPool();
  RunPool(const RunPool&) = delete;
  RunPool& operator=(const RunPool&) = delete;

  /// Before the first launch.
  void start(RunExecutor::Services executor);

  struct Refusal {
    Suppression reason;
    Error error;
  };
  /// Records the intent and hands the run to a worker. Waits for the ledger. A record with an id waited there
  /// for approval.
  std::variant<std::string, Refusal> launch(Run::Plan plan, RunRecord record);

  /// Holds the target of a run that an earlier process began, and has a worker follow it: Run::Plan::resumed.
  void adopt(RunRecord record, std::vector<StepSpec> on_failure);

  /// The remedy whose run holds the target now; "" an action by hand.
  std::optional<std::string> occupant(std::string_view target) const;
  bool full() const;
  bool stopping() const { return stopping_; }
  /// Whether a frame that began at `frame` knows of the last run on the target.
  bool knows_last_run(std::string_view target, BootTime frame) const;
  std::vector<RunRecord> active() const;
  bool cancel(std::string_view run_id);
  /// Holds the runs of a remedy that is paused now, "" all: Run::hold. Their ids.
  std::vector<std::string> hold(std::string_view remedy);

  /// Refuses launches, cancels what runs, and waits for its ends to be recorded, at most `wait`.
  void stop(Duration wait);
  /// After stop(): waits for the workers themselves, which wait for nothing but the ledger's deadlines any
  /// more.
  void join();

 private:
  void work();
  void release(std::string_view target);
  std::optional<Refusal> occupy(const RunRecord& record);

  const Options options_;
  Services services_;
  std::unique_ptr<RunExecutor> executor_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<std::string, std::string, std::less<>>
      targets_;  ///< target -> remedy, from before the intent to after the end
  std::map<std::string, std::shared_ptr<Run>, std::less<>> runs_;
  std::deque<std::shared_ptr<Run>> waiting_;
  std::map<std::string, BootTime, std::less<>>
      ended_;  ///< target -> end of its last run, until a frame knows of it
  std::vector<std::thread> workers_;
};

}  // namespace chiron::remediation
