#include "rules/engine/engine_impl.h"

namespace chiron::rules {
namespace {

/// Past such a pause the store may have dropped all samples of a series and its id with them.
constexpr Duration kIdsGoOld = std::chrono::minutes(5);

/// Frames further apart leave ranges without their samples: the clock was set forward, or the host slept.
constexpr Duration kHole = std::chrono::minutes(1);
constexpr int kHoleIntervals = 4;

}  // namespace

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
  constexpr Duration kMost = std::chrono::seconds(10);
  promql::Limits limits = options.limits;
  limits.timeout = std::min(limits.timeout, std::clamp<Duration>(options.interval / 2, kLeast, kMost));
  limits.clock = &clock;
  limits.annotations = false;  // nobody is told
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
  const Result<std::span<const promql::Element>> result =
      late ? Error(ErrorCode::exhausted, "not evaluated: the rules before it took all the time of this pass")
           : rule.ask(evaluation.t, clock);
  std::vector<const Labels*> sources;
  if (rule.alerting && (rule.alerting->has_alerts() || (result && !result->empty()))) {
    sources = failing.of(rule);
    evaluation.failing = sources;
    evaluation.history_missing = rule.alerting->has_carried_over() && history_missing(rule, evaluation.t);
  }
  Status status;
  {
    const MutexLock lock(mutex);
    status = apply(rule, result, evaluation, changes);
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

Status Engine::Impl::apply(Rule& rule, const Result<std::span<const promql::Element>>& result,
                           const Evaluation& evaluation, std::vector<AlertChange>& changes) {
  if (!result) return result.error();
  const promql::LabelSets& sets = rule.query.label_sets();
  if (rule.recording) {
    rule.frame.clear();
    return rule.recording->apply(*result, sets, evaluation.limit, catalogue, rule.frame);
  }
  promql::Vector vector;
  for (const promql::Element& element : *result)
    vector.push_back({sets[element.labels], evaluation.t, element.v});
  return rule.alerting->apply(vector, evaluation, changes);
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

}  // namespace chiron::rules
