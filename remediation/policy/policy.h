#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/clock.h"
#include "remediation/ledger/ledger.h"

namespace chiron::remediation {

enum class Mode { automatic, dry_run };
std::string_view to_string(Mode mode);

struct PolicySpec {
  Mode mode = Mode::dry_run;
  Duration cooldown = std::chrono::minutes(5);
  int budget_runs = 3;
  Duration budget_per = std::chrono::hours(1);
};

/// Why a remedy does not act now; the values of the label `reason`.
enum class Suppression { none, dry_run, cooldown, budget, paused, in_progress, target_not_allowed, target_denied, held, ledger, stopping };
std::string_view to_string(Suppression reason);
/// Every reason, for metrics that exist at zero.
std::vector<Suppression> all_suppressions();

struct Decision {
  Suppression reason = Suppression::none;
  std::string detail;               ///< for people: "3 runs in the last 1h; the next at 14:05"
  std::optional<Duration> retry_in; ///< when it may act again, if time alone decides
};

/// Remembers attempts per remedy and target and decides. Failed attempts count. Rebuilt from the ledger at start.
/// Thread-safe.
class PolicyBook {
 public:
  explicit PolicyBook(const Clock& clock);
  void restore(const std::vector<RunRecord>& runs);
  Decision decide(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;
  void note_attempt(std::string_view remedy, std::string_view target, Moment when);
  /// Targets whose budget is used up now: chiron_remedy_exhausted.
  bool exhausted(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;

  /// Pauses; "" is every remedy. until: nothing is until resumed.
  void pause(std::string_view remedy, std::optional<Duration> length);
  void resume(std::string_view remedy);
  std::optional<Decision> paused(std::string_view remedy) const;
  std::string save_pauses() const;
  Status restore_pauses(std::string_view json);

 private:
  struct Pause {
    Moment since;
    std::optional<Duration> length;
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::vector<Moment>> attempts_;  // guarded by mutex_
  std::map<std::string, Pause> pauses_;                                          // guarded by mutex_
};

}  // namespace chiron::remediation
