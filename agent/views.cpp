#include "agent/views.h"

#include "agent/json_views.h"
#include "exporter/base/parse.h"

namespace chiron::agent {
namespace {

Json problem(std::string_view what, std::string_view detail) { return {{"what", what}, {"detail", detail}}; }

Json collector_json(const Sampler::CollectorStatus& status) {
  return {{"name", status.name},
          {"success", status.success},
          {"no_data", status.no_data},
          {"error", status.error},
          {"series", status.series},
          {"duration_seconds", seconds(status.duration)},
          {"age_seconds", seconds(status.age)}};
}

Json decision_json(const remediation::Decision& decision) {
  Json json{{"would_act", decision.reason == remediation::Suppression::none},
            {"reason", remediation::to_string(decision.reason)},
            {"detail", decision.detail},
            {"retry_in_seconds", nullptr}};
  if (decision.retry_in) json["retry_in_seconds"] = seconds(*decision.retry_in);
  return json;
}

/// Firing before pending; of the same state, the oldest first.
std::vector<rules::Alert> alerts_worst_first(const rules::Engine& engine) {
  std::vector<rules::Alert> alerts = engine.alerts();
  std::stable_sort(alerts.begin(), alerts.end(), [](const rules::Alert& a, const rules::Alert& b) {
    const bool a_fires = a.state == rules::AlertState::firing;
    const bool b_fires = b.state == rules::AlertState::firing;
    return a_fires != b_fires ? a_fires : a.active_at < b.active_at;
  });
  return alerts;
}

/// Whether alerts of a rule can be among those a remedy is for, as far as the rule's own labels tell: what it
/// does not write down may come from its expression.
bool can_trigger(const remediation::RemedySpec& remedy, const rules::RuleHealth& rule) {
  Labels written{{"alertname", rule.name}};
  for (const auto& [name, text] : rule.labels) {
    if (text.find("{{") == std::string::npos) written.set(name, text);
  }
  const auto may_hold = [&written](const Matcher& matcher) {
    return !written.has(matcher.name()) || matcher.matches(written);
  };
  return std::any_of(remedy.alerts.begin(), remedy.alerts.end(), [&](const std::vector<Matcher>& all) {
    return std::all_of(all.begin(), all.end(), may_hold);
  });
}

}  // namespace

bool Views::ready() const { return sources_.loop.passes() > 0; }
bool Views::healthy() const {
  return ready() && sources_.loop.age() <= 3 * sources_.interval + std::chrono::seconds(2);
}

std::string Views::health() const {
  Json problems = Json::array();
  if (!healthy()) problems.push_back(problem("sampling", "the sampling loop makes no progress"));
  if (const Status writable = sources_.ledger.writable(); !writable.ok()) {
    problems.push_back(problem("ledger", writable.error().to_string()));
  }
  if (const std::string fault = sources_.reload_fault(); !fault.empty()) {
    problems.push_back(problem("configuration", "the last reload failed, what was loaded before stays: " +
                                                    fault.substr(0, fault.find('\n'))));
  }
  for (const auto& status : sources_.sampler.status()) {
    if (!status.success) problems.push_back(problem("collector " + status.name, status.error));
  }
  for (const auto& rule : sources_.rules.health()) {
    if (!rule.last_error.empty()) problems.push_back(problem("rule " + rule.name, rule.last_error));
  }
  const std::string_view status = !healthy() ? "failing" : problems.empty() ? "ok" : "degraded";
  return dump({{"status", status},
               {"problems", problems},
               {"last_pass_age_seconds", seconds(sources_.loop.age())},
               {"passes", sources_.loop.passes()}});
}

std::string Views::status() const {
  const Asker ask(sources_.store);
  Json alerts = Json::array();
  for (const rules::Alert& alert : alerts_worst_first(sources_.rules)) {
    alerts.push_back(alert_json(alert, sources_.clock));
  }
  Json remedies = Json::array();
  for (const auto& remedy : sources_.remediator.remedies()) {
    remedies.push_back(remedy_json(remedy, sources_.remediator));
  }
  Json active = Json::array();
  for (const auto& run : sources_.remediator.active()) active.push_back(run_json(run));
  Json waiting = Json::array();
  for (const auto& run : sources_.remediator.waiting()) waiting.push_back(run_json(run));
  Json collectors = Json::array();
  for (const auto& status : sources_.sampler.status()) collectors.push_back(collector_json(status));
  Json host = host_json(ask);
  host["instance"] = sources_.instance;
  const auto paused = sources_.remediator.paused("");
  const auto page =
      sources_.sampler.page();  // null before the first pass, whose samples may be there already
  return dump({{"time", to_rfc3339(sources_.clock.wall())},
               {"health", Json::parse(health())},
               {"host", host},
               {"services", services_json(ask)},
               {"containers", containers_json(ask)},
               {"probes", probes_json(ask)},
               {"alerts", alerts},
               {"remedies", remedies},
               {"paused", paused ? Json(paused->detail) : Json()},
               {"active_runs", active},
               {"waiting_runs", waiting},
               {"exhausted", exhausted_json(ask)},
               {"updates", updates_json(ask)},
               {"recent_runs", recent_runs_json(sources_.ledger, sources_.remediator, 5)},
               {"collectors", collectors},
               {"store",
                {{"series", page ? page->series() : 0},
                 {"samples", sources_.store.samples()},
                 {"bytes", sources_.store.bytes()}}}});
}

std::string Views::status_simple() const {
  const Asker ask(sources_.store);
  const Json host = host_json(ask);
  std::size_t firing = 0;
  std::size_t pending = 0;
  for (const auto& alert : sources_.rules.alerts()) {
    (alert.state == rules::AlertState::firing ? firing : pending) += 1;
  }
  double fullest = 0;
  for (const Json& filesystem : host["filesystems"]) {
    if (!filesystem["size_bytes"].is_number() || !filesystem["avail_bytes"].is_number()) continue;
    const double size = filesystem["size_bytes"];
    if (size > 0) fullest = std::max(fullest, 1 - filesystem["avail_bytes"].get<double>() / size);
  }
  const Json health = Json::parse(this->health());
  return dump({{"status", health["status"]},
               {"host", host["name"]},
               {"uptime_seconds", host["uptime_seconds"]},
               {"load1", host["load1"]},
               {"cpu_used_ratio", host["cpu_used_ratio"]},
               {"memory_available_bytes", host["memory_available_bytes"]},
               {"fullest_filesystem_used_ratio", fullest},
               {"failed_units", services_json(ask)["failed"].size()},
               {"alerts_firing", firing},
               {"alerts_pending", pending},
               {"remedies", sources_.remediator.remedies().size()},
               {"runs_active", sources_.remediator.active().size()}});
}

Result<std::string> Views::runs(const remediation::HistoryFilter& filter) const {
  const auto history = sources_.ledger.history(filter);
  if (!history.ok()) return history.error();
  Json runs = Json::array();
  for (const auto& run : *history) runs.push_back(run_json(run));
  return dump(runs);
}

Result<std::string> Views::run(std::string_view id) const {
  const auto found = sources_.ledger.run(id);
  if (!found.ok()) return found.error();
  if (!*found) return Error(ErrorCode::not_found, "the ledger has no run '" + std::string(id) + "'");
  return dump(run_json(**found));
}

std::string Views::remedies() const {
  Json remedies = Json::array();
  for (const auto& remedy : sources_.remediator.remedies()) {
    remedies.push_back(remedy_json(remedy, sources_.remediator));
  }
  return dump(remedies);
}

std::string Views::collectors() const {
  Json collectors = Json::array();
  for (const auto& status : sources_.sampler.status()) collectors.push_back(collector_json(status));
  return dump(collectors);
}

Result<std::string> Views::why(std::string_view name) const {
  const auto remedies = sources_.remediator.remedies();
  const auto alerts = sources_.rules.alerts();
  Json json{{"name", name},
            {"rules", Json::array()},
            {"alerts", Json::array()},
            {"remedies", Json::array()},
            {"runs", Json::array()}};
  std::vector<rules::RuleHealth> concerned_rules = sources_.rules.health();
  std::erase_if(concerned_rules, [name](const rules::RuleHealth& rule) { return rule.name != name; });
  for (const auto& rule : concerned_rules) {
    Json labels = Json::object();
    for (const auto& [label, text] : rule.labels) labels[label] = text;
    json["rules"].push_back({{"expr", rule.expr},
                             {"labels", labels},
                             {"group", rule.group},
                             {"file", rule.file},
                             {"error", rule.last_error},
                             {"evaluated", to_rfc3339(rule.last_evaluation)}});
  }
  for (const auto& remedy : remedies) {
    Json entry = remedy_json(remedy, sources_.remediator);
    entry["decisions"] = Json::array();
    if (remedy.schedule) entry["decision"] = decision_json(sources_.remediator.decision(remedy.name, ""));
    bool concerned =
        remedy.name == name || std::any_of(concerned_rules.begin(), concerned_rules.end(),
                                           [&remedy](const auto& rule) { return can_trigger(remedy, rule); });
    for (const auto& alert : alerts) {
      if (!remedy.matches(alert.labels) || (alert.name != name && remedy.name != name)) continue;
      concerned = true;
      const auto target = remedy.target.expand({.labels = &alert.labels, .value = alert.value});
      Json one{{"alert", alert_json(alert, sources_.clock)}, {"target", target.ok() ? *target : ""}};
      one["decision"] = decision_json(sources_.remediator.decision(remedy.name, target.ok() ? *target : ""));
      entry["decisions"].push_back(std::move(one));
    }
    if (concerned) json["remedies"].push_back(std::move(entry));
  }
  for (const auto& alert : alerts) {
    if (alert.name == name) json["alerts"].push_back(alert_json(alert, sources_.clock));
  }
  if (const auto history = sources_.ledger.history({.limit = 200}); history.ok()) {
    for (const auto& run : *history) {
      if ((run.remedy == name || run.alertname == name) && json["runs"].size() < 5)
        json["runs"].push_back(run_json(run));
    }
  }
  if (json["rules"].empty() && json["remedies"].empty()) {
    std::vector<std::string> names;
    for (const auto& rule : sources_.rules.health()) names.push_back(rule.name);
    for (const auto& remedy : remedies) names.push_back(remedy.name);
    const std::string near = closest(name, {names.begin(), names.end()});
    return Error(ErrorCode::not_found, "no rule and no remedy is called '" + std::string(name) + "'" +
                                           (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  return dump(json);
}

}  // namespace chiron::agent
