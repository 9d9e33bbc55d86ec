#pragma once

#include "exporter/series/self_metrics.h"
#include "remediation/engine/remedy_file.h"
#include "remediation/ledger/ledger.h"
#include "remediation/policy/policy.h"

#include <map>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// The series that tell what remedies did. Thread-safe.
class OutcomeMetrics {
 public:
  explicit OutcomeMetrics(SelfMetrics& metrics);
  /// Every series of these remedies exists from now on, at zero: increase() sees the first event.
  void declare(const std::vector<RemedySpec>& remedies);

  void run_ended(const RunRecord& run);
  void step_ended(std::string_view action, std::string_view outcome, Duration took);
  void suppressed(std::string_view remedy, Suppression reason);
  /// A run on the target is carried out or verified, or no more. Not for rehearsals, which heal nothing, nor
  /// for an action by hand (remedy ""): what holds back a page until a remedy has ended asks for this.
  void at_work(std::string_view remedy, std::string_view target, bool yes);
  void exhausted(std::string_view remedy, std::string_view target, bool yes);
  /// Whether every remedy is held back for this cause.
  void set_all_paused(PauseCause cause, bool yes);
  /// When its schedule is due next; nothing: never.
  void next_run(std::string_view remedy, std::optional<WallTime> at);
  /// When a remedy that is armed for a time falls back to dry-run, or did; nothing: it is not any more.
  void armed_until(std::string_view remedy, std::optional<WallTime> at);
  void set_paused(std::size_t remedies) { paused_.set(static_cast<double>(remedies)); }
  void set_waiting(std::size_t runs) { waiting_.set(static_cast<double>(runs)); }
  void set_active(std::size_t runs) { active_.set(static_cast<double>(runs)); }

 private:
  SelfMetrics::Counter& runs(std::string_view remedy, std::string_view outcome);
  SelfMetrics::Counter& actions(std::string_view action, std::string_view outcome);
  SelfMetrics::Histogram& durations(std::string_view action);
  SelfMetrics::Counter& freed(std::string_view remedy);
  SelfMetrics::Counter& removed(std::string_view remedy);

  SelfMetrics& metrics_;
  SelfMetrics::Gauge& paused_;
  SelfMetrics::Gauge& active_;
  SelfMetrics::Gauge& waiting_;
  std::map<PauseCause, SelfMetrics::Gauge*> all_paused_;  // constant
};

}  // namespace chiron::remediation
