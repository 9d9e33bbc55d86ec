#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/host_paths.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/engine/schedule.h"
#include "remediation/ledger/ledger.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// Tells which schedules are due, and keeps in the ledger how far each has come, so that no time is used
/// twice, whatever ends the agent. It has no thread and no timer: whoever looks at the host anyway asks it in
/// each pass. due() and take() on one thread, next() on any.
class Scheduler {
 public:
  struct Services {
    Ledger& ledger;
    const HostPaths& paths;
    const Clock& clock;
    EventLog& log;
    OutcomeMetrics& metrics;
  };
  explicit Scheduler(Services services) : services_(services) {}

  struct Due {
    std::size_t remedy = 0;  ///< which of those that were given
    Turn turn;               ///< run or missed
  };
  /// What of these remedies is due now. Nothing while the ledger cannot say how far they had come.
  std::vector<Due> due(const std::vector<RemedySpec>& remedies);
  /// The turn is used up: on disk when this returns ok, and until then due() gives it again.
  Status take(const RemedySpec& remedy, const Turn& turn);

  /// When the remedy is due next, as of the newest due(); nothing without a schedule or before the first
  /// look.
  std::optional<WallTime> next(std::string_view remedy) const;

 private:
  struct Entry {
    std::string schedule;  ///< to_string() of the one that this is the progress of
    Progress progress;
  };
  bool recall();
  Status save();
  Duration jitter(const RemedySpec& remedy);

  Services services_;
  // Touched by the one thread only.
  bool recalled_ = false;
  bool unsaved_ = false;
  std::optional<std::string> machine_id_;
  std::map<std::string, Entry, std::less<>> entries_;
  mutable std::mutex mutex_;
  std::map<std::string, WallTime, std::less<>> next_;  // guarded by mutex_
};

}  // namespace chiron::remediation
