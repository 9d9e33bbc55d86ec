#pragma once

#include "exporter/base/event_log.h"
#include "remediation/engine/approvals.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/run_pool.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// Pauses by people and by their file: holds the runs under way, keeps what is paused in the ledger, and
/// counts it. Thread-safe.
class PauseKeeper {
 public:
  struct Services {
    Ledger& ledger;
    PolicyBook& book;
    RunPool& pool;
    OutcomeMetrics& metrics;
    EventLog& log;
    std::string file;  ///< STATE_DIR/pause; "": there is none
    std::function<RemedyList()> remedies;
    /// Something may act, or not act, from now on.
    std::function<void()> wake;
  };
  explicit PauseKeeper(Services services) : services_(std::move(services)) {}

  /// "" is every remedy. Without a length until resumed.
  Status pause(std::string_view remedy, std::optional<Duration> length);
  Status resume(std::string_view remedy);
  /// Whether the file is there by now, and which timed pauses have ended. In each pass.
  void look();
  /// What was paused, from the ledger. Where that is not known everything is; `others`: whether the other
  /// facts there could be read.
  void recall(const Status& others);
  Status save();
  void count();

 private:
  const Services services_;
};

}  // namespace chiron::remediation
