#include "rules/engine/engine.h"

#include "exporter/base/thread_annotations.h"
#include "rules/engine/failing_sources.h"
#include "rules/engine/rule_group.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

/// Past such a pause the store may have dropped all samples of a series and its id with them.
constexpr Duration kIdsGoOld = std::chrono::minutes(5);

/// Frames further apart leave ranges without their samples: the clock was set forward, or the host slept.
constexpr Duration kHole = std::chrono::minutes(1);
constexpr int kHoleIntervals = 4;

/// A scalar is a vector of one element without labels.
Result<std::span<const promql::VectorSample>> as_vector(const promql::Value& value,
                                                        promql::VectorSample& scalar) {
  if (const auto* vector = std::get_if<promql::Vector>(&value))
    return std::span<const promql::VectorSample>(*vector);
  if (const auto* one = std::get_if<promql::Scalar>(&value)) {
    scalar = {Labels(), one->t, one->v};
    return std::span<const promql::VectorSample>(&scalar, 1);
  }
  return Error(ErrorCode::invalid_argument, "rule result is not a vector or scalar");
}

bool has_elements(const Result<promql::Value>& value) {
  if (!value) return false;
  const auto* vector = std::get_if<promql::Vector>(&*value);
  return vector == nullptr || !vector->empty();
}

}  // namespace

struct Engine::Impl {
  Impl(Store& s, Catalogue& c, const Clock& k, EventLog& l, Options o)
      : store(s), catalogue(c), clock(k), log(l), options(std::move(o)), failing(s, options.source_failing) {}

  Store& store;
  Catalogue& catalogue;
  const Clock& clock;
  EventLog& log;
  const Options options;

  /// Held through an evaluation, a load and a restore.
  Mutex evaluating CHIRON_ACQUIRED_BEFORE(mutex);
  mutable Mutex mutex;
  /// Changed with both held, so that an evaluation may walk over them without `mutex`. Of a rule the query,
  /// the stream and the frame belong to the evaluation; the rest changes and is read by others with `mutex`
  /// held.
  std::vector<Group> groups CHIRON_GUARDED_BY(mutex);
  std::vector<AlertChange> unseen_changes CHIRON_GUARDED_BY(mutex);  ///< of rules that a load removed
  std::optional<SavedState> restored CHIRON_GUARDED_BY(mutex);

  std::vector<StreamId> free_streams CHIRON_GUARDED_BY(evaluating);
  std::uint64_t number CHIRON_GUARDED_BY(evaluating) = 0;
  FailingSources failing CHIRON_GUARDED_BY(evaluating);
  /// No frame is older, or there is a hole right before it.
  TimestampMs history_from CHIRON_GUARDED_BY(evaluating) = 0;
  std::optional<TimestampMs> last_frame CHIRON_GUARDED_BY(evaluating);
  /// No rule is begun later in this pass; whether some were left out for it, now and in the pass before.
  BootTime pass_end CHIRON_GUARDED_BY(evaluating){};
  bool left_out CHIRON_GUARDED_BY(evaluating) = false;
  bool left_out_before CHIRON_GUARDED_BY(evaluating) = false;

  /// The analysis knows of one mutex for a member: see there.
  std::vector<Group>& steady_groups() CHIRON_REQUIRES(evaluating) CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    return groups;
  }
  promql::Limits limits() const;
  void note_frame(TimestampMs t) CHIRON_REQUIRES(evaluating, mutex);
  void evaluate_group(Group& group, TimestampMs t, BootTime now, std::vector<AlertChange>& changes)
      CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  void evaluate_rule(Rule& rule, Evaluation evaluation, std::vector<AlertChange>& changes)
      CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  Status apply(Rule& rule, const Result<promql::Value>& value, const Evaluation& evaluation,
               std::vector<AlertChange>& changes) CHIRON_REQUIRES(evaluating, mutex);
  void write(Rule& rule, TimestampMs t) CHIRON_REQUIRES(evaluating) CHIRON_EXCLUDES(mutex);
  bool history_missing(Rule& rule, TimestampMs t) const CHIRON_REQUIRES(evaluating);
  void note_health(Rule& rule, const Status& status, BootTime started) CHIRON_REQUIRES(mutex);

  void adopt_rules(std::vector<Group>& fresh) CHIRON_REQUIRES(evaluating, mutex);
  void drop_rule(Rule& rule) CHIRON_REQUIRES(evaluating, mutex);
  void apply_restored() CHIRON_REQUIRES(evaluating, mutex);
};

Engine::Engine(Store& store, Catalogue& catalogue, const Clock& clock, EventLog& log, Options options)
    : impl_(std::make_unique<Impl>(store, catalogue, clock, log, std::move(options))) {}
Engine::~Engine() = default;

std::vector<AlertChange> Engine::evaluate(TimestampMs t, BootTime now) {
  const MutexLock evaluating(impl_->evaluating);
  std::vector<AlertChange> changes;
  {
    const MutexLock lock(impl_->mutex);
    changes.swap(impl_->unseen_changes);
    impl_->note_frame(t);
  }
  // One that goes astray costs no other its turn.
  impl_->pass_end = impl_->clock.boot() + impl_->limits().timeout * 3 / 2;
  impl_->left_out_before = std::exchange(impl_->left_out, false);
  for (Group& group : impl_->steady_groups())
    if (group.due(now)) impl_->evaluate_group(group, t, now, changes);
  return changes;
}

/// Rules are evaluated on the thread that samples, which must not wait for those that go astray: each has
/// half an interval, and rules that run out of time pause.
promql::Limits Engine::Impl::limits() const {
  constexpr Duration kLeast = std::chrono::seconds(1);
  promql::Limits limits;
  limits.timeout = std::clamp<Duration>(options.interval / 2, kLeast, limits.timeout);
  limits.clock = &clock;
  return limits;
}

void Engine::Impl::note_frame(TimestampMs t) {
  const Duration hole = std::max<Duration>(kHole, kHoleIntervals * options.interval);
  const bool jumped = last_frame && std::chrono::milliseconds(t - *last_frame) > hole;
  last_frame = t;
  if (!jumped) return;
  history_from = t;
  for (Group& group : groups)
    for (const auto& rule : group.rules)
      if (rule->alerting) rule->alerting->carry_over();
}

void Engine::Impl::evaluate_group(Group& group, TimestampMs t, BootTime now,
                                  std::vector<AlertChange>& changes) {
  {
    const MutexLock lock(mutex);
    ++number;
    if (group.last && now - *group.last > kIdsGoOld) {
      for (const auto& rule : group.rules) {
        if (rule->alerting)
          rule->alerting->forget_series();
        else
          rule->recording->forget_series();
      }
    }
    group.schedule(now);
  }
  const auto offset = std::chrono::duration_cast<std::chrono::milliseconds>(group.spec.query_offset);
  Evaluation evaluation;
  evaluation.t = t - offset.count();
  evaluation.now = now;
  evaluation.number = number;
  evaluation.hold_limit = options.hold_limit;
  evaluation.limit = group.spec.limit;
  const bool left_out_elsewhere = std::exchange(left_out, false);
  for (const auto& rule : group.rules) evaluate_rule(*rule, evaluation, changes);
  if (left_out) {
    const MutexLock lock(mutex);
    group.next = now;
  }
  left_out = left_out || left_out_elsewhere;
}

void Engine::Impl::evaluate_rule(Rule& rule, Evaluation evaluation, std::vector<AlertChange>& changes) {
  const BootTime started = clock.boot();
  // One that goes astray is tried again only when all others had their turn. Its alerts stay as they are, as
  // after any error.
  if (rule.pauses(started) || (rule.ran_out_of_time() && left_out_before)) {
    if (rule.alerting) write(rule, evaluation.t);
    return;
  }
  const bool late = started >= pass_end;
  left_out = left_out || late;
  const Result<promql::Value> value =
      late ? Error(ErrorCode::exhausted, "not evaluated: the rules before it took all the time of this pass")
           : rule.ask(evaluation.t, clock);
  std::vector<const Labels*> sources;
  if (rule.alerting && (rule.alerting->has_alerts() || has_elements(value))) {
    sources = failing.of(rule);
    evaluation.failing = sources;
    evaluation.history_missing = rule.alerting->has_carried_over() && history_missing(rule, evaluation.t);
  }
  Status status;
  {
    const MutexLock lock(mutex);
    status = apply(rule, value, evaluation, changes);
    note_health(rule, status, started);
  }
  if (status.ok() || rule.alerting) {
    // Alerts that are active stay so on an error.
    write(rule, evaluation.t);
  } else {
    // The series are left to the lookback; should it last, the store forgets them and their ids.
    rule.recording->forget_series();
  }
}

Status Engine::Impl::apply(Rule& rule, const Result<promql::Value>& value, const Evaluation& evaluation,
                           std::vector<AlertChange>& changes) {
  if (!value) return value.error();
  promql::VectorSample scalar;
  Result<std::span<const promql::VectorSample>> vector = as_vector(*value, scalar);
  if (!vector) return std::move(vector).error();
  if (rule.alerting) return rule.alerting->apply(*vector, evaluation, changes);
  std::vector<FrameEntry>& frame = rule.frame;
  frame.clear();
  return rule.recording->apply(*vector, evaluation.number, evaluation.limit, catalogue, frame);
}

void Engine::Impl::write(Rule& rule, TimestampMs t) {
  const bool wrote_before = rule.stream.has_value();
  if (rule.alerting) {
    const MutexLock lock(mutex);
    const bool had = !rule.frame.empty();
    rule.frame.clear();
    rule.alerting->collect(catalogue, rule.frame);
    if (rule.frame.empty() && !had) return;
  }
  if (!wrote_before) {
    if (rule.frame.empty()) return;
    if (free_streams.empty()) {
      rule.stream = store.add_stream();
    } else {
      rule.stream = free_streams.back();
      free_streams.pop_back();
    }
  }
  store.append(*rule.stream, t, rule.frame);
}

bool Engine::Impl::history_missing(Rule& rule, TimestampMs t) const {
  if (rule.facts.looks_for_absence) return false;
  if (!rule.query.unmatched_selectors().empty()) return true;
  const auto needed = std::chrono::duration_cast<std::chrono::milliseconds>(rule.facts.history);
  return needed.count() > 0 && std::max(store.oldest(), history_from) > t - needed.count();
}

void Engine::Impl::note_health(Rule& rule, const Status& status, BootTime started) {
  rule.health.last_duration = clock.boot() - started;
  rule.health.last_evaluation = clock.wall();
  std::string error = status.ok() ? std::string() : status.error().to_string();
  if (error == rule.health.last_error) return;
  if (error.empty()) {
    log.info("rule recovered", {{"group", rule.health.group}, {"rule", rule.health.name}});
  } else {
    log.warning("rule failed", {{"group", rule.health.group}, {"rule", rule.health.name}, {"error", error}});
  }
  rule.health.last_error = std::move(error);
}

void Engine::load(std::vector<GroupSpec> specs) {
  std::vector<Group> fresh;
  for (GroupSpec& spec : specs) {
    Group group;
    group.interval = spec.interval.value_or(impl_->options.interval);
    for (RuleSpec& rule : spec.rules) {
      promql::Query query(rule.expr, impl_->store, impl_->limits());
      group.rules.push_back(
          std::make_unique<Rule>(std::move(rule), spec, impl_->options.external_labels, std::move(query)));
    }
    spec.rules.clear();
    group.spec = std::move(spec);
    fresh.push_back(std::move(group));
  }
  const MutexLock evaluating(impl_->evaluating);
  const MutexLock lock(impl_->mutex);
  impl_->adopt_rules(fresh);
  impl_->groups = std::move(fresh);
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
  promql::Query query(expr, impl_->store);
  const auto offset = std::chrono::duration_cast<std::chrono::milliseconds>(group.query_offset);
  const Result<promql::Value> value = query.instant(impl_->store.newest() - offset.count());
  if (!value) return value.error();
  promql::VectorSample scalar;
  Result<std::span<const promql::VectorSample>> vector = as_vector(*value, scalar);
  if (!vector) return std::move(vector).error();
  const AlertingRule labeller(spec, group, impl_->options.external_labels);
  const Labels wanted = labeller.without_value_labels(alert.labels);
  const bool there = std::any_of(vector->begin(), vector->end(), [&](const promql::VectorSample& element) {
    return labeller.steady_labels(element.labels, element.v) == wanted;
  });
  if (!there && held)
    return Error(ErrorCode::unavailable,
                 fmt::format("the source of {} fails: nobody can tell whether it still holds", alert.name));
  return there;
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
  const BootTime now = clock.boot();
  // Over a reboot nothing of what was true goes on by itself, nobody looked meanwhile, and the wall clock of
  // a host that has just come up is not to be trusted: the time off counts only within one boot.
  const bool same_boot = restored->boot_id == clock.boot_id();
  const Duration passed = same_boot ? std::max(now - restored->boot, Duration::zero()) : Duration::zero();
  for (const SavedRule& saved : restored->rules)
    for (Group& group : groups)
      for (const auto& rule : group.rules)
        if (rule->alerting && rule->key == saved.key)
          for (const SavedAlert& alert : saved.alerts) rule->alerting->restore(alert, now, passed);
  restored.reset();
}

}  // namespace chiron::rules
