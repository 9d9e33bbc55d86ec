#include "exporter/base/parse.h"
#include "rules/engine/engine_impl.h"

#include <algorithm>
#include <map>
#include <utility>

namespace chiron::rules {

void Engine::load(std::vector<GroupSpec> specs) {
  promql::Limits limits = impl_->limits();
  limits.buffers = impl_->rule_buffers();
  std::vector<Group> fresh;
  for (GroupSpec& spec : specs) {
    Group group;
    group.interval = spec.interval.value_or(impl_->options.interval);
    for (RuleSpec& rule : spec.rules) {
      promql::Query query(rule.expr, impl_->store, limits);
      group.rules.push_back(
          std::make_unique<Rule>(std::move(rule), spec, impl_->template_environment(), std::move(query)));
    }
    spec.rules.clear();
    group.spec = std::move(spec);
    fresh.push_back(std::move(group));
  }
  const MutexLock evaluating(impl_->evaluating);
  const MutexLock lock(impl_->mutex);
  impl_->adopt_rules(fresh);
  impl_->groups = std::move(fresh);
  impl_->buffers.release();
  impl_->failing.set_rules(impl_->groups);
  impl_->apply_restored();
}

void Engine::Impl::adopt_rules(std::vector<Group>& fresh) {
  std::multimap<RuleKey, Rule*> old_rules;
  std::map<std::pair<std::string, std::string>, const Group*> old_groups;
  for (Group& group : groups) {
    old_groups[{group.spec.file, group.spec.name}] = &group;
    for (const auto& rule : group.rules) old_rules.emplace(rule->key, rule.get());
  }
  for (Group& group : fresh) {
    const auto old_group = old_groups.find({group.spec.file, group.spec.name});
    if (old_group != old_groups.end() && old_group->second->interval == group.interval) {
      group.next = old_group->second->next;
      group.last = old_group->second->last;
    }
    for (const auto& rule : group.rules) {
      const auto [begin, end] = old_rules.equal_range(rule->key);
      const auto old = std::find_if(begin, end, [&](const auto& one) {
        return (one.second->alerting != nullptr) == (rule->alerting != nullptr);
      });
      if (old == end) continue;
      if (rule->alerting) rule->alerting->adopt(*old->second->alerting);
      rule->stream = std::exchange(old->second->stream, std::nullopt);
      rule->frame = std::move(old->second->frame);
      rule->health.last_error = old->second->health.last_error;
      rule->health.last_duration = old->second->health.last_duration;
      rule->health.last_evaluation = old->second->health.last_evaluation;
      old_rules.erase(old);
    }
  }
  for (const auto& [key, rule] : old_rules) drop_rule(*rule);
}

void Engine::Impl::drop_rule(Rule& rule) {
  const TimestampMs t = std::max(store.newest(), TimestampMs{0});
  if (rule.alerting) rule.alerting->end(t, unseen_changes);
  if (!rule.stream) return;
  store.end_stream(*rule.stream, t);
  free_streams.push_back(*rule.stream);
}

std::string Engine::save_state() const {
  const MutexLock lock(impl_->mutex);
  SavedState state{.boot_id = impl_->clock.boot_id(), .boot = impl_->clock.boot(), .rules = {}};
  for (const Group& group : impl_->groups) {
    for (const auto& rule : group.rules) {
      if (!rule->alerting || !rule->alerting->has_alerts()) continue;
      SavedRule saved{.key = rule->key, .alerts = {}};
      rule->alerting->save(state.boot, saved.alerts);
      state.rules.push_back(std::move(saved));
    }
  }
  return encode_state(state);
}

Status Engine::restore_state(std::string_view json) {
  Result<SavedState> state = decode_state(json);
  if (!state) return std::move(state).error();
  const MutexLock evaluating(impl_->evaluating);
  const MutexLock lock(impl_->mutex);
  impl_->restored = *std::move(state);
  if (!impl_->groups.empty()) impl_->apply_restored();
  return {};
}

/// Once, with the first rules there are: what no rule of them takes is forgotten.
void Engine::Impl::apply_restored() {
  if (!restored) return;
  const SavedState saved_state = *std::exchange(restored, std::nullopt);
  const BootTime now = clock.boot();
  // Over a reboot nothing of what was true goes on by itself, nobody looked meanwhile, and the wall clock of
  // a host that has just come up is not to be trusted: the time off counts only within one boot. It was then
  // no shorter than this boot.
  const bool same_boot = saved_state.boot_id == clock.boot_id();
  const Duration passed = same_boot ? std::max(now - saved_state.boot, Duration::zero()) : Duration::zero();
  const Duration away = same_boot ? passed : now.time_since_epoch();
  if (away > kOutageTolerance) {
    log.warning("alerts begin anew: nobody evaluated them for longer than is tolerated",
                {{"away", format_duration(away)}, {"tolerated", format_duration(kOutageTolerance)}});
    return;
  }
  for (const SavedRule& saved : saved_state.rules)
    for (Group& group : groups)
      for (const auto& rule : group.rules)
        if (rule->alerting && rule->key == saved.key)
          for (const SavedAlert& alert : saved.alerts) rule->alerting->restore(alert, now, passed);
}

}  // namespace chiron::rules
