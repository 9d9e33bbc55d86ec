#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"
#include "remediation/policy/starts.h"

#include <mutex>
#include <optional>

namespace chiron::remediation {

/// Whether all that a run did was to look: no reason for what came after it.
bool only_looked(const RunRecord& run);

/// Keeps the agent's starts and ends in the ledger: what comes up again and again after runs comes up paused.
/// Thread-safe.
class StartGuard {
 public:
  struct Services {
    Ledger& ledger;
    PolicyBook& book;
    const Clock& clock;
    EventLog& log;
  };
  explicit StartGuard(Services services) : services_(services) {}

  /// Once the ledger is open. `interrupted`: the process before this one left runs under way that did more
  /// than look.
  void begin(bool interrupted);
  /// A proper end; nothing when begin() was never called.
  void end();

 private:
  Status save();  // with mutex_ held

  const Services services_;
  std::mutex mutex_;
  std::optional<Starts> starts_;  // guarded by mutex_
};

}  // namespace chiron::remediation
