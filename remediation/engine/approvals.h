#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/engine/run_pool.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"
#include "rules/engine/engine.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace chiron::remediation {

using RemedyList = std::shared_ptr<const std::vector<RemedySpec>>;

/// Runs that wait until a person approves them: rows of state `planned` in the ledger, so that a restart
/// loses none. Thread-safe.
class Approvals {
 public:
  struct Services {
    Ledger& ledger;
    RunPool& pool;
    PolicyBook& book;
    OutcomeMetrics& metrics;
    const HostPaths& paths;
    const std::vector<std::string>& container_sockets;  ///< ActionContext::container_sockets
    const Clock& clock;
    EventLog& log;
    std::function<Result<bool>(const rules::Alert&)> still_holds;
    std::function<RemedyList()> remedies;
    std::function<void(std::string_view)> boundary;
  };
  explicit Approvals(Services services) : services_(std::move(services)) {}

  /// What waits and what was rejected, from the ledger.
  Status restore();
  /// Records that the remedy asks; `alert` nothing: its schedule is due. The run's id.
  Result<std::string> ask(const RemedySpec& remedy, const std::string& target, const rules::Alert* alert);
  /// Whether there is nothing to ask: it waits already, or a person said no to this alert.
  bool settled(const RemedySpec& remedy, std::string_view target, const rules::Alert& alert) const;
  /// Takes back what nobody approved in time, and what the alert, the schedule or the remedy of is gone.
  void look(std::span<const rules::Alert> firing);

  /// Judges policy and target again; the alert, if it was one, must still fire. Refused, it waits on.
  Result<std::string> approve(std::string_view id, std::string_view who);
  /// For as long as the alert fires; of a schedule for this time only.
  Status reject(std::string_view id, std::string_view who);
  std::vector<RunRecord> waiting() const;
  /// Of a run that waits: its id and how long it still does.
  std::optional<std::pair<std::string, Duration>> waits(const RemedySpec& remedy,
                                                        std::string_view target) const;

 private:
  struct Entry {
    RunRecord record;
    bool busy = false;  ///< somebody approves, rejects or takes it back just now
  };
  using Key = std::tuple<std::string, std::string, std::uint64_t>;
  static Key key_of(const RunRecord& run) { return {run.remedy, run.target, run.alert_fingerprint}; }
  Result<RunRecord> claim(std::string_view id);
  void release(std::string_view id, bool done);
  Result<std::string> launch(RunRecord record);
  Result<std::optional<rules::Alert>> alert_of(const RunRecord& record) const;
  std::optional<Decision> why_over(const RunRecord& record, const RemedyList& remedies,
                                   std::span<const rules::Alert> firing) const;
  Status take_back(const RunRecord& record, std::string_view why);
  void count();

  const Services services_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Entry, std::less<>> waiting_;  ///< by id
  std::map<Key, WallTime> rejected_;  ///< of a schedule it says nothing: no alert has its fingerprint, 0
  std::vector<rules::Alert> firing_;
};

}  // namespace chiron::remediation
