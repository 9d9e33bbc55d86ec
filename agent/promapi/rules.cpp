#include "agent/promapi/api.h"
#include "exporter/base/fnv.h"
#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

using promql::append_json_string;
using rules::GroupOverview;
using rules::RuleOverview;
using rules::RuleSpec;

bool is_alerting(const RuleOverview& rule) { return rule.spec.kind == RuleSpec::Kind::alerting; }

/// Stands for the group where the next page begins; nobody else makes sense of it.
std::string token_of(const GroupOverview& group) {
  Fnv1a hash;
  hash.add(group.spec.file + ';' + group.spec.name);
  return fmt::format("{:016x}", hash.value());
}

/// A rule has those of its group too, which its own override.
Labels labels_of(const GroupOverview& group, const RuleOverview& rule) {
  Labels labels;
  for (const auto& [name, text] : group.spec.labels) labels.set(name, text);
  for (const auto& [name, text] : rule.spec.labels) labels.set(name, text);
  return labels;
}

/// What of the rules is asked for.
struct Filter {
  std::string type;
  std::vector<std::string_view> names, groups, files;
  std::vector<std::vector<Matcher>> selectors;
  bool exclude_alerts = false;
  std::optional<std::int64_t> most_groups;
  std::string_view next;

  static Result<Filter> read(const Params& params);
  bool takes(const GroupOverview& group) const {
    return is_listed(groups, group.spec.name) && is_listed(files, group.spec.file);
  }
  bool takes(const GroupOverview& group, const RuleOverview& rule) const;

 private:
  static bool is_listed(const std::vector<std::string_view>& names, std::string_view name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }
};

/// Go's strconv.ParseBool of a text in lower case.
std::optional<bool> read_flag(std::string_view text) {
  if (text == "1" || text == "t" || text == "true") return true;
  if (text == "0" || text == "f" || text == "false") return false;
  return std::nullopt;
}

Result<Filter> Filter::read(const Params& params) {
  Filter filter;
  filter.names = params.all("rule_name[]");
  filter.groups = params.all("rule_group[]");
  filter.files = params.all("file[]");
  auto selectors = params.narrow_selectors();
  if (!selectors.ok()) return std::move(selectors).error();
  filter.selectors = *std::move(selectors);
  filter.type = to_lower(params.get("type"));
  if (!filter.type.empty() && filter.type != "alert" && filter.type != "record") {
    return invalid_parameter("type", "not supported value " + quoted(filter.type));
  }
  if (const std::string exclude = to_lower(params.get("exclude_alerts")); !exclude.empty()) {
    const auto flag = read_flag(exclude);
    if (!flag) {
      return invalid_parameter("exclude_alerts",
                               fmt::format("error converting exclude_alerts: strconv.ParseBool: parsing {}: "
                                           "invalid syntax",
                                           quoted(exclude)));
    }
    filter.exclude_alerts = *flag;
  }
  filter.next = params.get("group_next_token");
  if (!params.has("group_limit")) {
    if (filter.next.empty()) return filter;
    return invalid_parameter("group_next_token",
                             "group_limit needs to be present in order to paginate over the groups");
  }
  const auto most =
      read_integer("ParseInt", params.get("group_limit"), std::numeric_limits<std::int32_t>::max());
  if (!most.ok()) {
    return invalid_parameter("group_limit",
                             "group_limit needs to be a valid number: " + most.error().message());
  }
  if (*most <= 0) return invalid_parameter("group_limit", "group_limit needs to be greater than 0");
  filter.most_groups = *most;
  return filter;
}

bool Filter::takes(const GroupOverview& group, const RuleOverview& rule) const {
  if (!type.empty() && (type == "alert") != is_alerting(rule)) return false;
  if (!is_listed(names, rule.spec.name)) return false;
  if (selectors.empty()) return true;
  const Labels labels = labels_of(group, rule);
  return std::any_of(selectors.begin(), selectors.end(), [&](const std::vector<Matcher>& matchers) {
    return std::all_of(matchers.begin(), matchers.end(),
                       [&](const Matcher& matcher) { return matcher.matches(labels); });
  });
}

/// As Go's 'e' format with the shortest digits.
void append_alert_value(std::string& data, double value) {
  std::array<char, 32> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  append_json_string(data, std::isfinite(value) ? std::string_view(buffer.data(), end.ptr)
                                                : std::string_view(promql::format_value(value)));
}

void append_alert(std::string& data, const rules::Alert& alert) {
  data += R"({"labels":)";
  promql::append_json_labels(data, alert.labels);
  data += ",\"annotations\":";
  append_json_pairs(data, alert.annotations);
  fmt::format_to(std::back_inserter(data), R"(,"state":"{}","activeAt":)", to_string(alert.state));
  append_json_time(data, alert.active_at);
  data += ",\"value\":";
  append_alert_value(data, alert.value);
  data += '}';
}

void append_alerts(std::string& data, const std::vector<rules::Alert>& alerts) {
  data += '[';
  for (const rules::Alert& alert : alerts) {
    if (data.back() != '[') data += ',';
    append_alert(data, alert);
  }
  data += ']';
}

/// The state of a rule is that of its worst alert.
rules::AlertState worst(const std::vector<rules::Alert>& alerts) {
  rules::AlertState state = rules::AlertState::inactive;
  for (const rules::Alert& alert : alerts) state = std::max(state, alert.state);
  return state;
}

void append_rule(std::string& data, const GroupOverview& group, const RuleOverview& rule, bool with_alerts) {
  const rules::RuleHealth& health = rule.health;
  data += '{';
  if (is_alerting(rule)) {
    fmt::format_to(std::back_inserter(data), R"("state":"{}",)", to_string(worst(rule.alerts)));
  }
  data += "\"name\":";
  append_json_string(data, rule.spec.name);
  data += ",\"query\":";
  append_json_string(data, promql::to_string(*rule.spec.expr));
  data += ",\"labels\":";
  promql::append_json_labels(data, labels_of(group, rule));
  if (is_alerting(rule)) {
    data += ",\"duration\":";
    append_json_seconds(data, rule.spec.hold);
    data += ",\"keepFiringFor\":";
    append_json_seconds(data, rule.spec.keep_firing_for);
    data += ",\"annotations\":";
    append_json_pairs(data, rule.spec.annotations);
    data += ",\"alerts\":";
    append_alerts(data, with_alerts ? rule.alerts : std::vector<rules::Alert>());
  }
  const bool evaluated = health.last_evaluation != WallTime{};
  fmt::format_to(std::back_inserter(data), R"(,"health":"{}")",
                 !evaluated                  ? "unknown"
                 : health.last_error.empty() ? "ok"
                                             : "err");
  if (!health.last_error.empty()) {
    data += ",\"lastError\":";
    append_json_string(data, health.last_error);
  }
  data += ",\"evaluationTime\":";
  append_json_seconds(data, health.last_duration);
  data += ",\"lastEvaluation\":";
  append_json_time(data, health.last_evaluation);
  fmt::format_to(std::back_inserter(data), R"(,"type":"{}"}})", is_alerting(rule) ? "alerting" : "recording");
}

void append_group(std::string& data, const GroupOverview& group, bool with_alerts) {
  data += R"({"name":)";
  append_json_string(data, group.spec.name);
  data += ",\"file\":";
  append_json_string(data, group.spec.file);
  data += ",\"rules\":[";
  Duration took{};
  WallTime last{};
  for (const RuleOverview& rule : group.rules) {
    if (&rule != &group.rules.front()) data += ',';
    append_rule(data, group, rule, with_alerts);
    took += rule.health.last_duration;
    last = std::max(last, rule.health.last_evaluation);
  }
  data += "],\"interval\":";
  append_json_seconds(data, group.interval);
  fmt::format_to(std::back_inserter(data), R"(,"limit":{},"evaluationTime":)", group.spec.limit);
  append_json_seconds(data, took);
  data += ",\"lastEvaluation\":";
  append_json_time(data, last);
  data += '}';
}

}  // namespace

Status Api::rules(const Params& params, std::string& data, Notes&) const {
  const auto filter = Filter::read(params);
  if (!filter.ok()) return filter.error();
  std::vector<GroupOverview> groups = sources_.rules.overview();
  std::stable_sort(groups.begin(), groups.end(), [](const GroupOverview& a, const GroupOverview& b) {
    return std::tie(a.spec.file, a.spec.name) < std::tie(b.spec.file, b.spec.name);
  });
  auto group = groups.begin();
  if (!filter->next.empty()) {
    group = std::find_if(groups.begin(), groups.end(),
                         [&](const GroupOverview& one) { return token_of(one) == filter->next; });
    if (group == groups.end()) {
      return invalid_parameter(
          "group_next_token",
          fmt::format("invalid group_next_token '{}'. were rule groups changed?", filter->next));
    }
  }
  std::string next;
  std::int64_t count = 0;
  data += R"({"groups":[)";
  for (; group != groups.end(); ++group) {
    if (!filter->takes(*group)) continue;
    std::erase_if(group->rules, [&](const RuleOverview& rule) { return !filter->takes(*group, rule); });
    if (group->rules.empty()) continue;
    if (filter->most_groups && count == *filter->most_groups) {
      next = token_of(*group);
      break;
    }
    if (count++ > 0) data += ',';
    append_group(data, *group, !filter->exclude_alerts);
  }
  data += ']';
  if (!next.empty()) {
    data += ",\"groupNextToken\":";
    append_json_string(data, next);
  }
  data += '}';
  return {};
}

Status Api::alerts(const Params&, std::string& data, Notes&) const {
  data += R"({"alerts":)";
  append_alerts(data, sources_.rules.alerts());
  data += '}';
  return {};
}

}  // namespace chiron::agent::promapi
