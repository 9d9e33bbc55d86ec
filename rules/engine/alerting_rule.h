#pragma once

#include "exporter/series/frame.h"
#include "rules/engine/engine.h"
#include "rules/engine/rule_queries.h"
#include "rules/engine/saved_state.h"
#include "rules/engine/template.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chiron::rules {

/// An instance of an alerting rule as the engine keeps it: the Alert and its clocks.
struct ActiveAlert {
  Labels labels;  ///< with alertname
  Labels sample;  ///< of the result's element, as the templates see them
  AlertState state = AlertState::inactive;
  double value = 0;
  WallTime active_at{}, fired_at{};
  BootTime active_since{};             ///< `for` counts from here
  std::optional<BootTime> keep_since;  ///< keep_firing_for counts from here
  std::optional<BootTime> held_since;  ///< its source fails, or it was carried over and its data lacks
  bool held = false;
  bool carried_over = false;  ///< from before a restart or a hole in the history, not seen true again yet
  std::uint64_t seen = 0;     ///< the last evaluation that yielded it
  SeriesId alerts_series = kNoSeries;     ///< ALERTS in the present state
  SeriesId for_state_series = kNoSeries;  ///< ALERTS_FOR_STATE
  std::vector<std::pair<std::string, std::string>> annotations;
  bool annotations_current = false;
};

/// What one evaluation gives to a rule beside the result.
struct Evaluation {
  TimestampMs t = 0;
  BootTime now{};
  std::uint64_t number = 0;  ///< counts evaluations of the engine, from 1
  Duration hold_limit{};
  std::size_t limit = 0;                   ///< of the group; 0: none
  std::span<const Labels* const> failing;  ///< series of this rule whose source fails now
  bool history_missing = false;  ///< since a restart or a hole not all that the expression reads is there yet
};

/// What the templates of rules can speak of beside the alert. All of it must outlive the rules.
struct TemplateEnvironment {
  const Labels& external_labels;
  const std::string& external_url;
  RuleQueries* queries = nullptr;  ///< null: templates that read the time are not expanded
};

/// The state machine of one alerting rule. Not thread-safe; the engine's lock guards it.
class AlertingRule {
 public:
  AlertingRule(const RuleSpec& spec, const GroupSpec& group, const TemplateEnvironment& environment);

  /// Takes the result of the expression. On an error nothing changed, but for a limit, which clears all
  /// alerts.
  Status apply(std::span<const promql::VectorSample> result, const Evaluation& evaluation,
               std::vector<AlertChange>& changes);
  /// The samples of ALERTS and ALERTS_FOR_STATE.
  void collect(Catalogue& catalogue, std::vector<FrameEntry>& out);
  /// Series ids may have been given to others: look them up again.
  void forget_series();
  /// The rule is gone: all its alerts end.
  void end(TimestampMs t, std::vector<AlertChange>& changes);

  /// Takes over the alerts of the same rule before a reload.
  void adopt(AlertingRule& old);
  void restore(const SavedAlert& saved, BootTime now, Duration since_saved);
  void save(BootTime now, std::vector<SavedAlert>& out) const;

  bool has_alerts() const { return !active_.empty(); }
  /// There is a hole in the history: what is not seen true again need not be over.
  void carry_over();
  bool has_carried_over() const;
  /// Whether the alert with these labels is held now.
  bool holds(const Labels& alert) const;
  void alerts(std::vector<Alert>& out);
  /// The alert's labels for an element, without the labels whose template reads the value or the time.
  Labels steady_labels(const Labels& sample, double value) const;
  /// The same labels taken off a ready label set.
  Labels without_value_labels(Labels labels) const;

 private:
  struct Text {
    std::string name;
    Template text;
  };
  using Active = std::unordered_map<Labels, ActiveAlert, LabelsHash>;

  static std::vector<Text> compile(const std::vector<std::pair<std::string, std::string>>& texts);
  std::string expand(const Template& text, const Labels& sample, double value) const;
  enum class Which { all, steady };
  Labels alert_labels(const Labels& sample, double value, Which which) const;
  Result<ActiveAlert*> find(const promql::VectorSample& element, std::uint64_t number);
  void step(ActiveAlert& alert, const Evaluation& evaluation, std::vector<AlertChange>& changes);
  bool update_hold(ActiveAlert& alert, const Evaluation& evaluation) const;
  static Duration held_for(const ActiveAlert& alert, BootTime now, Duration limit);
  void erase_inactive();
  void clear(TimestampMs t, std::size_t first, std::vector<AlertChange>& changes);
  AlertChange change(ActiveAlert& alert, AlertState from, TimestampMs t);
  Alert describe(ActiveAlert& alert);

  const std::string name_, expr_text_, file_, group_;
  const Duration hold_, keep_firing_for_;
  const TimestampMs offset_;  ///< that the group asks its queries earlier
  const TemplateEnvironment environment_;
  std::vector<Text> labels_, annotations_;
  bool labels_vary_ = false;
  bool annotations_read_value_ = false;
  bool annotations_read_time_ = false;
  TimestampMs now_ = 0;  ///< of the last evaluation, without the offset

  Active active_;
  /// From the labels of the result's elements, so that nothing is built for alerts known already.
  std::unordered_map<Labels, ActiveAlert*, LabelsHash> by_sample_;
  std::vector<std::pair<ActiveAlert*, double>> staged_;
};

/// Whether `made` can have been computed from `source`: no label that both have differs, but the name.
bool can_come_from(const Labels& made, const Labels& source);

/// Prometheus' fingerprint of a label set: FNV-1a, 64 bits, over names and values each followed by a 0xff
/// byte (prometheus/common, model/signature.go).
std::uint64_t fingerprint_of(const Labels& labels);

}  // namespace chiron::rules
