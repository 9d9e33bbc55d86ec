#include "rules/engine/rule_group.h"

#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::rules {

Rule::Rule(RuleSpec rule, const GroupSpec& group, const TemplateEnvironment& environment, promql::Query asked)
    : spec(std::move(rule)), key(key_of(spec, group)), facts(facts_of(*spec.expr)), query(std::move(asked)) {
  if (spec.kind == RuleSpec::Kind::alerting)
    alerting = std::make_unique<AlertingRule>(spec, group, environment);
  else
    recording = std::make_unique<RecordingRule>(spec, group);
  health = {.group = group.name,
            .file = group.file,
            .name = spec.name,
            .expr = spec.expr_text,
            .labels = spec.labels,
            .last_error = {},
            .last_duration = {},
            .last_evaluation = {}};
}

Result<std::span<const promql::Element>> Rule::ask(TimestampMs t, const Clock& clock) {
  constexpr Duration kFirst = std::chrono::seconds(10);
  constexpr Duration kLongest = std::chrono::minutes(15);
  Result<std::span<const promql::Element>> value = query.elements(t);
  if (value || value.error().code() != ErrorCode::timed_out) {
    pause = {};
    return value;
  }
  pause = std::clamp<Duration>(2 * pause, kFirst, kLongest);
  resume = clock.boot() + pause;
  return Error(ErrorCode::timed_out,
               fmt::format("{}; it is tried again in {}", value.error().message(), format_duration(pause)));
}

bool Group::due(BootTime now) const {
  if (!next) return true;
  // The sampling loop wakes a little early or late; a group with its interval must not miss every other pass
  // for it.
  const Duration slack = std::min<Duration>(interval / 10, std::chrono::milliseconds(250));
  return now + slack >= *next;
}

void Group::schedule(BootTime now) {
  last = now;
  next = next ? *next + interval : now + interval;
  // After a pause (suspend, a slow pass) evaluations are not made up for.
  if (*next <= now) next = now + interval;
}

RuleKey key_of(const RuleSpec& rule, const GroupSpec& group) {
  std::map<std::string, std::string> labels(rule.labels.begin(), rule.labels.end());
  labels.insert(group.labels.begin(), group.labels.end());
  return {.group = group.name,
          .name = rule.name,
          .expr = rule.expr_text,
          .labels = {labels.begin(), labels.end()}};
}

}  // namespace chiron::rules
