#include "rules/engine/engine_impl.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::rules {

std::vector<Alert> Engine::alerts() const {
  const MutexLock lock(impl_->mutex);
  std::vector<Alert> out;
  for (const Group& group : impl_->groups)
    for (const auto& rule : group.rules)
      if (rule->alerting) rule->alerting->alerts(out);
  return out;
}

std::vector<RuleHealth> Engine::health() const {
  const MutexLock lock(impl_->mutex);
  std::vector<RuleHealth> out;
  for (const Group& group : impl_->groups)
    for (const auto& rule : group.rules) out.push_back(rule->health);
  return out;
}

std::vector<GroupSpec> Engine::groups() const {
  const MutexLock lock(impl_->mutex);
  std::vector<GroupSpec> out;
  for (const Group& group : impl_->groups) {
    out.push_back(group.spec);
    for (const auto& rule : group.rules) out.back().rules.push_back(rule->spec);
  }
  return out;
}

std::vector<GroupOverview> Engine::overview() const {
  const MutexLock lock(impl_->mutex);
  std::vector<GroupOverview> out;
  for (const Group& group : impl_->groups) {
    out.push_back({.spec = group.spec, .interval = group.interval, .rules = {}});
    for (const auto& rule : group.rules) {
      RuleOverview& one = out.back().rules.emplace_back(
          RuleOverview{.spec = rule->spec, .health = rule->health, .alerts = {}});
      if (rule->alerting) rule->alerting->alerts(one.alerts);
    }
  }
  return out;
}

Result<bool> Engine::still_holds(const Alert& alert) const {
  promql::ExprPtr expr;
  GroupSpec group;
  RuleSpec spec;
  bool held = false;
  {
    const MutexLock lock(impl_->mutex);
    for (const Group& candidate : impl_->groups) {
      if (candidate.spec.name != alert.group || candidate.spec.file != alert.rule_file) continue;
      for (const auto& rule : candidate.rules) {
        if (!rule->alerting || rule->spec.name != alert.name || rule->spec.expr_text != alert.expr) continue;
        expr = rule->spec.expr;
        group = candidate.spec;
        spec = rule->spec;
        held = held || rule->alerting->holds(alert.labels);
      }
    }
  }
  if (expr == nullptr)
    return Error(ErrorCode::not_found,
                 fmt::format("rule {} of group {} is not loaded any more", alert.name, alert.group));
  promql::Query query(expr, impl_->store, impl_->options.limits);
  const auto offset = std::chrono::duration_cast<std::chrono::milliseconds>(group.query_offset);
  const Result<promql::Value> value = query.instant(impl_->store.newest() - offset.count());
  if (!value) return value.error();
  promql::VectorSample scalar;
  Result<std::span<const promql::VectorSample>> vector = as_vector(*value, scalar);
  if (!vector) return std::move(vector).error();
  const AlertingRule labeller(
      spec, group,
      {.external_labels = impl_->options.external_labels, .external_url = impl_->options.external_url});
  const Labels wanted = labeller.without_value_labels(alert.labels);
  const bool there = std::any_of(vector->begin(), vector->end(), [&](const promql::VectorSample& element) {
    return labeller.steady_labels(element.labels, element.v) == wanted;
  });
  if (!there && held)
    return Error(ErrorCode::unavailable,
                 fmt::format("the source of {} fails: nobody can tell whether it still holds", alert.name));
  return there;
}

}  // namespace chiron::rules
