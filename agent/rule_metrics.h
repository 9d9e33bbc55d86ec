#pragma once

#include "exporter/base/thread_annotations.h"
#include "exporter/series/self_metrics.h"
#include "exporter/series/store.h"
#include "rules/engine/engine.h"

#include <map>
#include <span>
#include <string>

namespace chiron::agent {

/// What the agent publishes of its rules and its store: chiron_alerts{alertname,alertstate,severity} for
/// every alerting rule from zero on, chiron_rule_*, chiron_store_*. ALERTS itself stays in the store, because
/// a scraped copy would be the same series as Prometheus' own. Thread-safe.
class RuleMetrics {
 public:
  RuleMetrics(SelfMetrics& metrics, const EventLog& log);

  /// After rules were loaded: their alerts are at zero from the start.
  void announce(std::span<const rules::GroupSpec> groups) CHIRON_EXCLUDES(mutex_);
  /// After an evaluation.
  void update(const rules::Engine& engine, std::span<const rules::Alert> alerts, const Store& store,
              const Catalogue& catalogue) CHIRON_EXCLUDES(mutex_);

 private:
  SelfMetrics::Gauge& alert_gauge(const std::string& name, std::string_view state, std::string_view severity)
      CHIRON_REQUIRES(mutex_);

  SelfMetrics& metrics_;
  const EventLog& log_;
  Mutex mutex_;
  std::map<std::string, SelfMetrics::Gauge*> alerts_ CHIRON_GUARDED_BY(mutex_);
  std::map<std::string, double> counts_ CHIRON_GUARDED_BY(mutex_);
  std::map<std::string, SelfMetrics::Gauge*> durations_ CHIRON_GUARDED_BY(mutex_);

  SelfMetrics::Gauge& failing_rules_;
  SelfMetrics::Gauge& series_;
  SelfMetrics::Gauge& samples_;
  SelfMetrics::Gauge& bytes_;
  SelfMetrics::Counter& evicted_;
  SelfMetrics::Counter& lost_log_;
};

}  // namespace chiron::agent
