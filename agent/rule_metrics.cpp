#include "agent/rule_metrics.h"

namespace chiron::agent {
namespace {

void raise_to(SelfMetrics::Counter& counter, std::uint64_t value) {
  const double missing = static_cast<double>(value) - counter.value();
  if (missing > 0) counter.increment(missing);
}

std::string key_of(const std::string& name, std::string_view state, std::string_view severity) {
  std::string key = name;
  key += '\0';
  key += state;
  key += '\0';
  key += severity;
  return key;
}

}  // namespace

RuleMetrics::RuleMetrics(SelfMetrics& metrics, const EventLog& log)
    : metrics_(metrics),
      log_(log),
      failing_rules_(metrics.gauge("chiron_rules_failing", "Rules whose last evaluation failed.")),
      series_(metrics.gauge("chiron_store_series", "Series in the catalogue.")),
      samples_(metrics.gauge("chiron_store_samples", "Samples in the history.")),
      bytes_(metrics.gauge("chiron_store_bytes", "Memory that the history takes.")),
      evicted_(
          metrics.counter("chiron_store_evicted_samples_total",
                          "Samples dropped before their retention because the history was over its memory.")),
      lost_log_(metrics.counter("chiron_log_events_lost_total", "Log events that could not be written.")) {}

SelfMetrics::Gauge& RuleMetrics::alert_gauge(const std::string& name, std::string_view state,
                                             std::string_view severity) {
  SelfMetrics::Gauge*& gauge = alerts_[key_of(name, state, severity)];
  if (gauge == nullptr) {
    gauge = &metrics_.gauge(
        "chiron_alerts", "Alerts of a rule in a state.",
        {{"alertname", name}, {"alertstate", std::string(state)}, {"severity", std::string(severity)}});
  }
  return *gauge;
}

void RuleMetrics::announce(std::span<const rules::GroupSpec> groups) {
  const MutexLock lock(mutex_);
  for (const rules::GroupSpec& group : groups) {
    for (const rules::RuleSpec& rule : group.rules) {
      if (rule.kind != rules::RuleSpec::Kind::alerting) continue;
      std::string severity;
      for (const auto& [name, value] : rule.labels) {
        if (name == "severity" && value.find("{{") == std::string::npos) severity = value;
      }
      alert_gauge(rule.name, "pending", severity);
      alert_gauge(rule.name, "firing", severity);
    }
  }
}

void RuleMetrics::update(const rules::Engine& engine, std::span<const rules::Alert> alerts,
                         const Store& store, const Catalogue& catalogue) {
  const MutexLock lock(mutex_);
  for (auto& [key, count] : counts_) count = 0;
  for (const rules::Alert& alert : alerts) {
    const std::string_view state = rules::to_string(alert.state);
    const std::string_view severity = alert.labels.get("severity");
    alert_gauge(alert.name, state, severity);
    counts_[key_of(alert.name, state, severity)] += 1;
  }
  std::size_t failing = 0;
  std::map<std::string, double> durations;
  for (const rules::RuleHealth& rule : engine.health()) {
    failing += rule.last_error.empty() ? 0u : 1u;
    durations[rule.group] += std::chrono::duration<double>(rule.last_duration).count();
  }
  for (const auto& [group, seconds] : durations) {
    SelfMetrics::Gauge*& gauge = durations_[group];
    if (gauge == nullptr) {
      gauge = &metrics_.gauge("chiron_rule_group_last_duration_seconds",
                              "Time the last evaluation of a rule group took.", {{"rule_group", group}});
    }
    gauge->set(seconds);
  }
  for (const auto& [key, gauge] : alerts_) {
    const auto count = counts_.find(key);
    gauge->set(count == counts_.end() ? 0 : count->second);
  }
  failing_rules_.set(static_cast<double>(failing));
  series_.set(static_cast<double>(catalogue.size()));
  samples_.set(static_cast<double>(store.samples()));
  bytes_.set(static_cast<double>(store.bytes()));
  raise_to(evicted_, store.evicted());
  raise_to(lost_log_, log_.lost());
}

}  // namespace chiron::agent
