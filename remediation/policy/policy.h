#pragma once

#include "exporter/base/clock.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/armings.h"
#include "remediation/policy/judges.h"
#include "remediation/policy/past.h"
#include "remediation/policy/pauses.h"
#include "remediation/policy/policy_spec.h"
#include "remediation/policy/suppression.h"
#include "remediation/policy/target_state.h"

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// Remembers what policy has to know and asks the judges. Attempts are kept per remedy and target, failed
/// ones too, and rebuilt from the ledger at start. Ages are told by age(): a wall clock that jumps neither
/// frees nor freezes anything. Thread-safe.
class PolicyBook {
 public:
  explicit PolicyBook(const Clock& clock);
  /// Attempts older than this may be forgotten: the longest cooldown or budget of any remedy. A month when
  /// never set.
  void set_horizon(Duration longest);
  void set_gate(Gate gate);
  Gate gate() const;
  void set_host_budget(HostBudget budget);
  /// Of the newest pass: the labels of all alerts that fire.
  void set_firing(std::vector<Labels> firing);
  /// Newest first, as Ledger::history gives them. Rows that did not act (suppressed, planned) do not count; a
  /// reset undoes what came before it.
  void restore(const std::vector<RunRecord>& runs);

  /// In this order: off, paused, unless, cooldown, backoff, breaker, budget, host_budget, window, and last
  /// dry_run and approval. So dry_run says that the remedy would have acted now.
  Decision decide(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;
  /// Whether the remedy has done what it may, by its breaker, its budget or the host's, whatever else keeps
  /// it from acting: a person should look.
  bool exhausted(std::string_view remedy, std::string_view target, const PolicySpec& policy) const;
  /// The remedy's own, unless the gate is narrower or the time is over for which it was armed; automatic
  /// instead of dry-run for one that only reads.
  Mode mode_of(std::string_view remedy, const PolicySpec& policy) const;
  /// `by_alert`: it counts for the host's budget too.
  void note_attempt(std::string_view remedy, std::string_view target, Moment when, bool by_alert = false);
  /// The cooldown runs from an attempt and, when it took long, again from its end.
  void note_end(std::string_view remedy, std::string_view target, Moment when, RunState state);
  /// Forgets every attempt of the remedy on the target; "" on any.
  void reset(std::string_view remedy, std::string_view target);
  /// Towards the remedy's targets whose past still matters, by name.
  std::vector<TargetState> states(std::string_view remedy, const PolicySpec& policy) const;

  /// Pauses; "" is every remedy. Without a length until resumed.
  void pause(std::string_view remedy, std::optional<Duration> length, PauseCause cause = PauseCause::command,
             std::string why = {});
  /// "" ends every pause, those of single remedies too. That of the file ends with the file.
  void resume(std::string_view remedy);
  std::optional<Decision> paused(std::string_view remedy) const;
  bool all_paused_by(PauseCause cause) const;
  /// Pauses::look_at_file.
  bool look_at_pause_file(const std::string& path);
  std::string save_pauses() const;
  Status restore_pauses(std::string_view json);

  /// Armings::want, restore, save and tell_over.
  bool arm(const Armings::Lengths& lengths);
  Status restore_armings(std::string_view json);
  std::string save_armings() const;
  std::vector<std::string> tell_over();
  struct ArmedFor {
    Duration length;
    WallTime since, until;
    bool over = false;
  };
  /// Of a remedy that is, or was, armed for a time.
  std::optional<ArmedFor> arming(std::string_view remedy) const;

 private:
  using Key = std::pair<std::string, std::string>;
  Past past_of(std::string_view remedy, std::string_view target) const;
  std::vector<Duration> host_past() const;
  /// Of the host's budget, an attempt that did nothing.
  void forget_by_alert(const Moment& started);
  Decision dry_run_decision(std::string_view remedy, const PolicySpec& policy) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Duration horizon_ = std::chrono::hours(31 * 24);
  Gate gate_ = Gate::automatic;
  HostBudget host_budget_;
  std::deque<Moment> by_alerts_;  ///< oldest first
  std::vector<Labels> firing_;
  std::map<Key, History> histories_;
  Pauses pauses_;
  Armings armings_;
};

/// What the ledger's rows of a reset have for their trigger.
inline constexpr std::string_view kResetTrigger = "reset";

}  // namespace chiron::remediation
