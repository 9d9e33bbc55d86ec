#include "rules/engine/alerting_rule.h"

#include "exporter/base/fnv.h"
#include "exporter/base/utf8.h"
#include "rules/engine/expansion_error.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool varies(const Template& text) { return text.uses_value() || text.uses_time(); }

}  // namespace

AlertingRule::AlertingRule(const RuleSpec& spec, const GroupSpec& group,
                           const TemplateEnvironment& environment)
    : name_(spec.name),
      expr_text_(spec.expr_text),
      file_(group.file),
      group_(group.name),
      hold_(spec.hold),
      keep_firing_for_(spec.keep_firing_for),
      offset_(std::chrono::duration_cast<std::chrono::milliseconds>(group.query_offset).count()),
      environment_(environment),
      annotations_(compile(spec.annotations)) {
  std::vector<std::pair<std::string, std::string>> labels = group.labels;
  labels.insert(labels.end(), spec.labels.begin(), spec.labels.end());
  labels_ = compile(labels);
  const auto reads_value = [](const Text& one) { return one.text.uses_value(); };
  const auto reads_time = [](const Text& one) { return one.text.uses_time(); };
  labels_vary_ = std::any_of(labels_.begin(), labels_.end(), reads_value) ||
                 std::any_of(labels_.begin(), labels_.end(), reads_time);
  annotations_read_value_ = std::any_of(annotations_.begin(), annotations_.end(), reads_value);
  annotations_read_time_ = std::any_of(annotations_.begin(), annotations_.end(), reads_time);
}

std::vector<AlertingRule::Text> AlertingRule::compile(
    const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<Text> out;
  for (const auto& [name, text] : texts) {
    Result<Template> compiled = Template::compile(text);
    out.push_back({name, compiled ? *std::move(compiled) : Template()});
  }
  return out;
}

std::string AlertingRule::expand(const Template& text, const Labels& sample, double value) const {
  if (environment_.queries != nullptr) environment_.queries->at(now_);
  TemplateFailure failure;
  std::optional<std::string> out = text.expand({.labels = &sample,
                                                .value = value,
                                                .external_labels = &environment_.external_labels,
                                                .external_url = environment_.external_url,
                                                .now = now_,
                                                .queries = environment_.queries},
                                               failure);
  std::string made = out ? *std::move(out) : expansion_error(name_, text.text(), failure);
  // A template can cut a character in two, or write bytes; labels and JSON hold text.
  return is_valid_utf8(made) ? made : replace_invalid_utf8(made);
}

Labels AlertingRule::alert_labels(const Labels& sample, double value, Which which) const {
  Labels out = sample;
  out.erase(kMetricName);
  for (const Text& label : labels_)
    if (which == Which::all || !varies(label.text)) out.set(label.name, expand(label.text, sample, value));
  out.set("alertname", name_);
  return out;
}

Labels AlertingRule::without_value_labels(Labels labels) const {
  for (const Text& label : labels_)
    if (varies(label.text)) labels.erase(label.name);
  return labels;
}

Labels AlertingRule::steady_labels(const Labels& sample, double value) const {
  return without_value_labels(alert_labels(sample, value, Which::steady));
}

Result<ActiveAlert*> AlertingRule::find(const promql::VectorSample& element, std::uint64_t number) {
  ActiveAlert* alert = nullptr;
  if (const auto known = by_sample_.find(element.labels); known != by_sample_.end()) alert = known->second;
  if (alert == nullptr) {
    Labels labels = alert_labels(element.labels, element.v, Which::all);
    alert = &active_.try_emplace(labels).first->second;
    if (alert->labels.empty()) alert->labels = std::move(labels);
    if (!labels_vary_) {
      if (const auto old = by_sample_.find(alert->sample); old != by_sample_.end() && old->second == alert)
        by_sample_.erase(old);
      by_sample_[element.labels] = alert;
    }
    if (alert->sample != element.labels) {
      alert->sample = element.labels;
      alert->annotations_current = false;
    }
  }
  if (alert->seen == number)
    return Error(ErrorCode::invalid_argument,
                 "vector contains metrics with the same labelset after applying alert labels");
  alert->seen = number;
  return alert;
}

Status AlertingRule::apply(std::span<const promql::VectorSample> result, const Evaluation& evaluation,
                           std::vector<AlertChange>& changes) {
  staged_.clear();
  now_ = evaluation.t + offset_;
  for (const promql::VectorSample& element : result) {
    Result<ActiveAlert*> alert = find(element, evaluation.number);
    if (!alert) {
      erase_inactive();
      return std::move(alert).error();
    }
    staged_.emplace_back(*alert, element.v);
  }
  const std::size_t first_change = changes.size();
  for (const auto& [alert, value] : staged_) {
    if (!same_bits(alert->value, value) && annotations_read_value_) alert->annotations_current = false;
    if (annotations_read_time_) alert->annotations_current = false;
    alert->value = value;
  }
  for (auto& [labels, alert] : active_) step(alert, evaluation, changes);
  erase_inactive();
  if (evaluation.limit > 0 && active_.size() > evaluation.limit) {
    const std::size_t count = active_.size();
    clear(evaluation.t, first_change, changes);
    return Error(ErrorCode::exhausted,
                 fmt::format("exceeded limit of {} with {} alerts", evaluation.limit, count));
  }
  if (changes.size() > first_change + 1)
    std::sort(changes.begin() + static_cast<std::ptrdiff_t>(first_change), changes.end(),
              [](const AlertChange& a, const AlertChange& b) { return a.alert.labels < b.alert.labels; });
  return {};
}

/// All alerts end, and what this evaluation told of them from `first` on becomes one change of each: alerts
/// that were new are not told of at all.
void AlertingRule::clear(TimestampMs t, std::size_t first, std::vector<AlertChange>& changes) {
  const auto begin = changes.begin() + static_cast<std::ptrdiff_t>(first);
  std::unordered_map<Labels, AlertState, LabelsHash> before;
  for (auto it = begin; it != changes.end(); ++it)
    if (it->to != AlertState::inactive) before[it->alert.labels] = it->from;
  changes.erase(
      std::remove_if(begin, changes.end(), [](const auto& c) { return c.to != AlertState::inactive; }),
      changes.end());
  std::vector<AlertChange> ended;
  end(t, ended);
  for (AlertChange& one : ended) {
    if (const auto known = before.find(one.alert.labels); known != before.end()) one.from = known->second;
    if (one.from != AlertState::inactive) changes.push_back(std::move(one));
  }
}

Duration AlertingRule::held_for(const ActiveAlert& alert, BootTime now, Duration limit) {
  return alert.held_since ? std::min(now - *alert.held_since, limit) : Duration::zero();
}

/// True while the alert is to be left as it is. Time held does not count for `for` and keep_firing_for.
bool AlertingRule::update_hold(ActiveAlert& alert, const Evaluation& evaluation) const {
  const bool in_result = alert.seen == evaluation.number;
  const bool failing =
      std::any_of(evaluation.failing.begin(), evaluation.failing.end(),
                  [&](const Labels* series) { return can_come_from(alert.sample, *series); });
  if (failing || (alert.carried_over && !in_result && evaluation.history_missing)) {
    if (!alert.held_since) alert.held_since = evaluation.now;
    return evaluation.now - *alert.held_since < evaluation.hold_limit;
  }
  if (alert.held_since) {
    const Duration held = held_for(alert, evaluation.now, evaluation.hold_limit);
    alert.active_since += held;
    if (alert.keep_since) *alert.keep_since += held;
    alert.held_since.reset();
  }
  return false;
}

void AlertingRule::step(ActiveAlert& alert, const Evaluation& evaluation, std::vector<AlertChange>& changes) {
  const AlertState before = alert.state;
  const bool in_result = alert.seen == evaluation.number;
  if (alert.state == AlertState::inactive) {
    alert.state = AlertState::pending;
    alert.active_at = from_ms(evaluation.t);
    alert.active_since = evaluation.now;
  }
  alert.held = update_hold(alert, evaluation);
  if (in_result) alert.carried_over = false;
  if (!alert.held) {
    const Duration held = held_for(alert, evaluation.now, evaluation.hold_limit);
    if (in_result) {
      alert.keep_since.reset();
    } else {
      if (alert.state == AlertState::firing && keep_firing_for_ > Duration::zero()) {
        if (!alert.keep_since) alert.keep_since = evaluation.now;
        if (evaluation.now - *alert.keep_since < keep_firing_for_) return;
      }
      alert.state = AlertState::inactive;
    }
    if (alert.state == AlertState::pending && evaluation.now - alert.active_since - held >= hold_) {
      alert.state = AlertState::firing;
      alert.fired_at = from_ms(evaluation.t);
    }
  }
  if (alert.state == before) return;
  alert.alerts_series = kNoSeries;
  changes.push_back(change(alert, before, evaluation.t));
}

AlertChange AlertingRule::change(ActiveAlert& alert, AlertState from, TimestampMs t) {
  AlertChange out{from, alert.state, describe(alert)};
  if (alert.state == AlertState::inactive) out.alert.resolved_at = from_ms(t);
  return out;
}

void AlertingRule::erase_inactive() {
  for (auto it = active_.begin(); it != active_.end();) {
    if (it->second.state != AlertState::inactive) {
      ++it;
      continue;
    }
    if (const auto known = by_sample_.find(it->second.sample);
        known != by_sample_.end() && known->second == &it->second)
      by_sample_.erase(known);
    it = active_.erase(it);
  }
}

void AlertingRule::end(TimestampMs t, std::vector<AlertChange>& changes) {
  for (auto& [labels, alert] : active_) {
    const AlertState before = std::exchange(alert.state, AlertState::inactive);
    changes.push_back(change(alert, before, t));
  }
  by_sample_.clear();
  active_.clear();
}

void AlertingRule::collect(Catalogue& catalogue, std::vector<FrameEntry>& out) {
  for (auto& [labels, alert] : active_) {
    if (alert.alerts_series == kNoSeries) {
      Labels series = alert.labels;
      series.set(kMetricName, "ALERTS_FOR_STATE");
      alert.for_state_series = catalogue.unpublished(series);
      series.set(kMetricName, "ALERTS");
      series.set("alertstate", to_string(alert.state));
      alert.alerts_series = catalogue.unpublished(series);
    }
    out.push_back({alert.alerts_series, 1});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(alert.active_at.time_since_epoch());
    out.push_back({alert.for_state_series, static_cast<double>(seconds.count())});
  }
}

void AlertingRule::forget_series() {
  for (auto& [labels, alert] : active_) alert.alerts_series = kNoSeries;
}

void AlertingRule::adopt(AlertingRule& old) {
  now_ = old.now_;
  active_ = std::move(old.active_);
  by_sample_ = std::move(old.by_sample_);
  old.active_.clear();
  old.by_sample_.clear();
  // The annotations and the file may be other ones now.
  for (auto& [labels, alert] : active_) alert.annotations_current = false;
}

void AlertingRule::carry_over() {
  for (auto& [labels, alert] : active_) alert.carried_over = true;
}

bool AlertingRule::has_carried_over() const {
  return std::any_of(active_.begin(), active_.end(), [](const auto& one) { return one.second.carried_over; });
}

bool AlertingRule::holds(const Labels& alert) const {
  const auto found = active_.find(alert);
  return found != active_.end() && found->second.held;
}

void AlertingRule::restore(const SavedAlert& saved, BootTime now, Duration since_saved) {
  const auto [it, fresh] = active_.try_emplace(saved.labels);
  if (!fresh) return;
  ActiveAlert& alert = it->second;
  alert.labels = saved.labels;
  alert.sample = saved.sample;
  alert.state = saved.firing ? AlertState::firing : AlertState::pending;
  alert.value = saved.value;
  alert.active_at = saved.active_at;
  alert.fired_at = saved.fired_at;
  alert.active_since = now - (saved.active_for + since_saved);
  if (saved.kept_for) alert.keep_since = now - (*saved.kept_for + since_saved);
  alert.carried_over = true;
  if (!labels_vary_) by_sample_[alert.sample] = &alert;
}

void AlertingRule::save(BootTime now, std::vector<SavedAlert>& out) const {
  for (const auto& [labels, alert] : active_) {
    const Duration held = alert.held ? now - *alert.held_since : Duration::zero();
    SavedAlert saved{.labels = alert.labels,
                     .sample = alert.sample,
                     .firing = alert.state == AlertState::firing,
                     .value = alert.value,
                     .active_at = alert.active_at,
                     .fired_at = alert.fired_at,
                     .active_for = now - alert.active_since - held,
                     .kept_for = std::nullopt};
    if (alert.keep_since) saved.kept_for = now - *alert.keep_since - held;
    out.push_back(std::move(saved));
  }
}

Alert AlertingRule::describe(ActiveAlert& alert) {
  if (!alert.annotations_current) {
    alert.annotations.clear();
    for (const Text& one : annotations_)
      alert.annotations.emplace_back(one.name, expand(one.text, alert.sample, alert.value));
    alert.annotations_current = true;
  }
  return {.name = name_,
          .labels = alert.labels,
          .annotations = alert.annotations,
          .state = alert.state,
          .value = alert.value,
          .active_at = alert.active_at,
          .fired_at = alert.fired_at,
          .resolved_at = {},
          .held = alert.held,
          .rule_file = file_,
          .group = group_,
          .expr = expr_text_,
          .fingerprint = fingerprint_of(alert.labels)};
}

void AlertingRule::alerts(std::vector<Alert>& out) {
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (auto& [labels, alert] : active_) out.push_back(describe(alert));
  std::sort(out.begin() + first, out.end(),
            [](const Alert& a, const Alert& b) { return a.labels < b.labels; });
}

bool can_come_from(const Labels& made, const Labels& source) {
  return std::all_of(made.begin(), made.end(), [&](const Label& label) {
    const std::string_view other = source.get(label.name);
    return label.name == kMetricName || other.empty() || other == label.value;
  });
}

std::uint64_t fingerprint_of(const Labels& labels) {
  constexpr unsigned char kEnd = 0xff;  // in no UTF-8
  Fnv1a hash;
  for (const Label& label : labels) {
    for (const std::string_view text : {std::string_view(label.name), std::string_view(label.value)}) {
      hash.add(text);
      hash.add(kEnd);
    }
  }
  return hash.value();
}

std::string_view to_string(AlertState state) {
  switch (state) {
    case AlertState::inactive:
      return "inactive";
    case AlertState::pending:
      return "pending";
    case AlertState::firing:
      return "firing";
  }
  return "inactive";
}

}  // namespace chiron::rules
