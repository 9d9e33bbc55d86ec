#pragma once

#include "exporter/base/clock.h"
#include "remediation/ledger/ledger.h"

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
enum class Suppression {
  none,
  dry_run,
  cooldown,
  budget,
  paused,
  in_progress,
  target_not_allowed,
  target_denied,
  held,
  ledger,
  stopping,
};
std::string_view to_string(Suppression reason);
/// Every reason, for metrics that exist at zero.
std::vector<Suppression> all_suppressions();

struct Decision {
  Suppression reason = Suppression::none;
  std::string detail;                ///< for people: "3 runs in the last 1h; the next at 14:05"
  std::optional<Duration> retry_in;  ///< when it may act again, if time alone decides
};

/// Remembers attempts per remedy and target and decides. Failed attempts count. Rebuilt from the ledger at
/// start. Ages are told by age(): a wall clock that jumps neither frees nor freezes anything. Thread-safe.
class PolicyBook {
 public:
  explicit PolicyBook(const Clock& clock);
  /// Attempts older than this are forgotten: the longest cooldown or budget of any remedy. A month when never
  /// set.
  void set_horizon(Duration longest);
  /// In any order; rows that did not act (suppressed, planned) do not count.
  void restore(const std::vector<RunRecord>& runs);
  /// In this order: paused, cooldown, budget, dry_run. So dry_run says that the remedy would have acted now.
  Decision decide(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;
  void note_attempt(std::string_view remedy, std::string_view target, Moment when);
  /// The cooldown runs from an attempt and, when it took long, again from its end.
  void note_end(std::string_view remedy, std::string_view target, Moment when);
  /// Whether the budget of a target is used up now.
  bool exhausted(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;

  /// Pauses; "" is every remedy. Without a length until resumed.
  void pause(std::string_view remedy, std::optional<Duration> length);
  /// "" ends every pause, those of single remedies too.
  void resume(std::string_view remedy);
  std::optional<Decision> paused(std::string_view remedy) const;
  /// JSON with both clocks; "" when nothing is paused.
  std::string save_pauses() const;
  Status restore_pauses(std::string_view json);

 private:
  struct Pause {
    Moment since;
    std::optional<Duration> length;
  };
  struct History {
    std::deque<Moment> attempts;  ///< oldest first
    std::optional<Moment> ended;  ///< of the newest attempt that has ended
  };
  void prune(History& history) const;
  const History* find(std::string_view remedy, std::string_view target) const;
  std::vector<Duration> ages_within(const History& history, Duration window) const;
  std::optional<Decision> over_budget(std::string_view remedy, std::string_view target,
                                      const PolicySpec& policy) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  Duration horizon_ = std::chrono::hours(31 * 24);                    // guarded by mutex_
  std::map<std::pair<std::string, std::string>, History> histories_;  // guarded by mutex_
  std::map<std::string, Pause> pauses_;                               // guarded by mutex_
};

}  // namespace chiron::remediation
