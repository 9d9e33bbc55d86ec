#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "exporter/series/store.h"
#include "rules/engine/rule_file.h"
#include "rules/promql/promql.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chiron::rules {

/// After longer than this without an evaluation alerts begin anew, as Prometheus has it
/// (--rules.alert.for-outage-tolerance).
inline constexpr Duration kOutageTolerance = std::chrono::hours(1);

enum class AlertState { inactive, pending, firing };
std::string_view to_string(AlertState state);

/// An instance of an alerting rule.
struct Alert {
  std::string name;
  Labels labels;  ///< with alertname, the rule's labels expanded
  std::vector<std::pair<std::string, std::string>> annotations;
  AlertState state = AlertState::pending;
  double value = 0;
  WallTime active_at{};    ///< first seen true
  WallTime fired_at{};     ///< became firing
  WallTime resolved_at{};  ///< only in an AlertChange to inactive
  bool held = false;       ///< its rule's source is failing: kept as it was, starts no run
  std::string rule_file, group, expr;
  /// Stable over restarts: of the labels, as Prometheus' fingerprint is (FNV-1a over the label set).
  std::uint64_t fingerprint = 0;
};

struct AlertChange {
  AlertState from;
  AlertState to;  ///< inactive: resolved
  Alert alert;
};

struct RuleHealth {
  std::string group, file, name, expr;
  std::vector<std::pair<std::string, std::string>> labels;  ///< as written: templates
  std::string last_error;                                   ///< "" when the last evaluation went well
  Duration last_duration{};
  WallTime last_evaluation{};
};

/// A group with its rules and how they fare, at one moment.
struct RuleOverview {
  RuleSpec spec;
  RuleHealth health;
  std::vector<Alert> alerts;  ///< pending and firing
};
struct GroupOverview {
  GroupSpec spec;  ///< without its rules
  Duration interval{};
  std::vector<RuleOverview> rules;
};

/// Runs the rule groups. evaluate() on the sampling thread; load() on any thread, it takes effect between
/// evaluations; the snapshots on any thread.
class Engine {
 public:
  struct Options {
    Duration interval = std::chrono::seconds(5);  ///< of groups that name none
    Labels external_labels;
    std::string external_url;  ///< http://HOST:PORT of this agent, for templates
    Duration hold_limit = std::chrono::minutes(15);
    promql::Features features;  ///< of what templates ask; rules are parsed already
    promql::Limits limits;      ///< of a rule's query; its timeout is shortened to fit the interval
    /// Whether the source of a series is failing now; alerts of rules over such series are held.
    std::function<bool(SeriesId)> source_failing;
  };
  Engine(Store& store, Catalogue& catalogue, const Clock& clock, EventLog& log, Options options);
  ~Engine();

  /// Replaces all groups, keeping the state of alerts whose rule (group, name, expr, labels) is still there.
  void load(std::vector<GroupSpec> groups);

  /// Evaluates the groups that are due at this frame. `t` is the frame's timestamp, `now` its boot time, on
  /// which `for` and keep_firing_for run. Returns what changed, in rule order. Errors of single rules are in
  /// health().
  std::vector<AlertChange> evaluate(TimestampMs t, BootTime now);

  std::vector<Alert> alerts() const;  ///< pending and firing
  std::vector<RuleHealth> health() const;
  std::vector<GroupSpec> groups() const;
  std::vector<GroupOverview> overview() const;

  /// Whether the alert's own expression still yields its labels at the newest frame. Any thread. Errors:
  /// not_found, its rule is gone; unavailable, it is held and its data are missing, which is no sign that it
  /// is over.
  Result<bool> still_holds(const Alert& alert) const;

  /// Progress of `for` and keep_firing_for, to be kept over a restart, and back. JSON with the boot id and
  /// the boot clock: within one boot the time in between counts, over a reboot it does not. A state that is
  /// older than kOutageTolerance is not taken up, so a state is to be saved more often than that while there
  /// are alerts.
  std::string save_state() const;
  Status restore_state(std::string_view json);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chiron::rules
