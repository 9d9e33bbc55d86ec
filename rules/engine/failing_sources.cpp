#include "rules/engine/failing_sources.h"

#include <string_view>

namespace chiron::rules {
namespace {

/// Series that the agent makes itself, of no source that could fail. Services and containers under our prefix
/// come from systemd and from a container engine like the rest.
bool is_own_series(std::string_view name) {
  if (name.starts_with("chiron_service_") || name.starts_with("chiron_container_")) return false;
  return name.starts_with("chiron_") || name.starts_with("node_scrape_collector_") || name == "up" ||
         name.starts_with("scrape_") || name.starts_with("ALERTS");
}

}  // namespace

void FailingSources::set_rules(const std::vector<Group>& groups) {
  records_.clear();
  for (const Group& group : groups)
    for (const auto& rule : group.rules)
      if (rule->recording) records_.emplace(rule->spec.name, rule.get());
}

const std::vector<const Labels*>& FailingSources::look(Rule& rule, Found& found) const {
  // A rule that is being looked at, where records go round in a circle, adds nothing of its own.
  const auto [at, fresh] = found.try_emplace(&rule);
  if (!fresh || !failing_ || rule.facts.looks_for_absence) return at->second;
  std::vector<const Labels*> out;
  for (const SeriesId id : rule.query.sources()) {
    const Labels& labels = store_.labels(id);
    const bool failing = failing_(id) && !is_own_series(labels.get(kMetricName));
    if (failing || made_of_failing(labels, found)) out.push_back(&labels);
  }
  return at->second = std::move(out);
}

bool FailingSources::made_of_failing(const Labels& series, Found& found) const {
  const auto [begin, end] = records_.equal_range(series.get(kMetricName));
  return std::any_of(begin, end, [&](const auto& record) {
    const std::vector<const Labels*>& failing = look(*record.second, found);
    return std::any_of(failing.begin(), failing.end(),
                       [&](const Labels* source) { return can_come_from(series, *source); });
  });
}

}  // namespace chiron::rules
