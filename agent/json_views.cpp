#include "agent/json_views.h"

#include "agent/table.h"
#include "agent/target_states.h"
#include "rules/promql/promql.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

Json labels_json(const Labels& labels) {
  Json json = Json::object();
  for (const Label& label : labels) json[label.name] = label.value;
  return json;
}

Json number_or_null(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return *value;
}

std::string matchers_text(const std::vector<std::vector<Matcher>>& any_of) {
  std::string text;
  for (const auto& all_of : any_of) {
    if (!text.empty()) text += " or ";
    std::string inner;
    for (const Matcher& matcher : all_of) inner += (inner.empty() ? "" : ", ") + matcher.to_string();
    text += '{' + inner + '}';
  }
  return text;
}

std::string triggers_text(const remediation::RemedySpec& remedy) {
  std::string text = matchers_text(remedy.alerts);
  if (remedy.schedule) text += (text.empty() ? "" : " or ") + remediation::to_string(*remedy.schedule);
  return text;
}

std::string limits_text(const remediation::PolicySpec& policy) {
  std::string text;
  if (policy.budget_runs != remediation::kNoBudget) {
    text = fmt::format("{} per {}", policy.budget_runs, human_duration(seconds(policy.budget_per)));
  }
  if (policy.cooldown > Duration::zero()) {
    text += fmt::format("{}{} apart", text.empty() ? "" : ", ", human_duration(seconds(policy.cooldown)));
  }
  for (const remediation::WindowSpec& window : policy.windows) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", remediation::to_string(window));
  }
  return text.empty() ? "as scheduled" : text;
}

Json schedule_json(const remediation::RemedySpec& remedy, const remediation::Remediator& remediator) {
  if (!remedy.schedule) return nullptr;
  const std::optional<WallTime> next = remediator.next_run(remedy.name);
  return {{"when", remediation::to_string(*remedy.schedule)},
          {"jitter_seconds", seconds(remedy.schedule->jitter)},
          {"catch_up", remedy.schedule->catch_up},
          {"next", next ? Json(to_rfc3339(*next)) : Json()}};
}

Json armed_json(const remediation::RemedySpec& remedy, const remediation::Remediator& remediator) {
  const auto armed = remediator.arming(remedy.name);
  if (!armed) return nullptr;
  return {{"for_seconds", seconds(armed->length)},
          {"since", to_rfc3339(armed->since)},
          {"until", to_rfc3339(armed->until)},
          {"over", armed->over}};
}

}  // namespace

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json alert_json(const rules::Alert& alert, const Clock& clock) {
  Json json{{"name", alert.name},
            {"state", rules::to_string(alert.state)},
            {"labels", labels_json(alert.labels)},
            {"annotations", Json::object()},
            {"value", number_or_null(alert.value)},
            {"active_at", to_rfc3339(alert.active_at)},
            {"active_seconds", seconds(clock.wall() - alert.active_at)},
            {"held", alert.held},
            {"expr", alert.expr},
            {"group", alert.group}};
  for (const auto& [name, text] : alert.annotations) json["annotations"][name] = text;
  return json;
}

Json run_json(const remediation::RunRecord& run) {
  Json json{{"id", run.id},
            {"remedy", run.remedy},
            {"target", run.target},
            {"state", remediation::to_string(run.state)},
            {"reason", run.reason},
            {"mode", run.mode},
            {"trigger", run.trigger},
            {"requested_by", run.requested_by},
            {"alert", run.alertname},
            {"alert_labels", labels_json(run.alert_labels)},
            {"started", to_rfc3339(run.started.wall)},
            {"finished", nullptr},
            {"duration_seconds", nullptr},
            {"freed_bytes", run.freed_bytes},
            {"removed_objects", run.removed_objects},
            {"steps", Json::array()}};
  if (run.finished) {
    json["finished"] = to_rfc3339(run.finished->wall);
    const bool same_boot = run.finished->boot_id == run.started.boot_id;
    json["duration_seconds"] = same_boot ? seconds(run.finished->boot - run.started.boot)
                                         : seconds(run.finished->wall - run.started.wall);
  }
  for (const remediation::StepRecord& step : run.steps) {
    json["steps"].push_back({{"action", step.action},
                             {"arguments", Json::parse(step.arguments, nullptr, false)},
                             {"outcome", step.outcome},
                             {"detail", step.detail},
                             {"started", to_rfc3339(step.started.wall)},
                             {"duration_seconds", seconds(step.took)},
                             {"freed_bytes", step.freed_bytes},
                             {"removed_objects", step.removed_objects}});
  }
  return json;
}

Json remedy_json(const remediation::RemedySpec& remedy, const remediation::Remediator& remediator) {
  const std::optional<remediation::Decision> paused = remediator.paused(remedy.name);
  Json json{
      {"name", remedy.name},
      {"description", remedy.description},
      {"mode", remediation::to_string(remediator.mode(remedy))},
      {"armed", armed_json(remedy, remediator)},
      {"only_reads", remedy.policy.only_reads},
      {"paused", paused.has_value()},
      {"paused_detail", paused ? Json(paused->detail) : Json()},
      {"on", triggers_text(remedy)},
      {"alerts", matchers_text(remedy.alerts)},
      {"schedule", schedule_json(remedy, remediator)},
      {"target", remedy.target.text()},
      {"targets", nullptr},
      {"steps", Json::array()},
      {"limits", limits_text(remedy.policy)},
      {"cooldown_seconds", seconds(remedy.policy.cooldown)},
      {"budget", {{"runs", remedy.policy.budget_runs}, {"per_seconds", seconds(remedy.policy.budget_per)}}},
      {"target_states", target_states_json(remedy, remediator.states(remedy))},
      {"file", remedy.file}};
  if (remedy.targets) json["targets"] = *remedy.targets;
  for (const remediation::StepSpec& step : remedy.steps) json["steps"].push_back(step.action->name);
  return json;
}

promql::Vector Asker::vector(std::string_view expr) const {
  const promql::Parsed parsed = promql::parse(expr);
  if (!parsed.ok()) return {};
  promql::Query query(parsed.expr, store_);
  auto value = query.instant(store_.newest());
  if (!value.ok()) return {};
  if (auto* vector = std::get_if<promql::Vector>(&*value)) return std::move(*vector);
  return {};
}

std::optional<double> Asker::number(std::string_view expr) const {
  const promql::Vector found = vector(expr);
  if (found.size() != 1) return std::nullopt;
  return found.front().v;
}

Json host_json(const Asker& ask) {
  Json host{{"name", nullptr},
            {"kernel", nullptr},
            {"uptime_seconds", number_or_null(ask.number("time() - node_boot_time_seconds"))},
            {"load1", number_or_null(ask.number("node_load1"))},
            {"cpus", number_or_null(ask.number("count(node_cpu_seconds_total{mode=\"idle\"})"))},
            {"cpu_used_ratio",
             number_or_null(ask.number("1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[1m]))"))},
            {"memory_total_bytes", number_or_null(ask.number("node_memory_MemTotal_bytes"))},
            {"memory_available_bytes", number_or_null(ask.number("node_memory_MemAvailable_bytes"))},
            {"swap_total_bytes", number_or_null(ask.number("node_memory_SwapTotal_bytes"))},
            {"swap_free_bytes", number_or_null(ask.number("node_memory_SwapFree_bytes"))},
            {"filesystems", Json::array()}};
  for (const auto& sample : ask.vector("node_uname_info")) {
    host["name"] = sample.labels.get("nodename");
    host["kernel"] = sample.labels.get("release");
  }
  const auto inodes = ask.vector("node_filesystem_files_free / node_filesystem_files");
  const auto same_place = [](const Labels& a, const Labels& b) {
    return a.get("mountpoint") == b.get("mountpoint") && a.get("device") == b.get("device");
  };
  const auto readonly = ask.vector("node_filesystem_readonly == 1");
  for (const auto& sample : ask.vector("node_filesystem_avail_bytes")) {
    const std::string selector = "{mountpoint=\"" + escape_label_value(sample.labels.get("mountpoint")) +
                                 "\",device=\"" + escape_label_value(sample.labels.get("device")) + "\"}";
    Json one{{"mountpoint", sample.labels.get("mountpoint")},
             {"device", sample.labels.get("device")},
             {"fstype", sample.labels.get("fstype")},
             {"size_bytes", number_or_null(ask.number("node_filesystem_size_bytes" + selector))},
             {"avail_bytes", number_or_null(sample.v)},
             {"inodes_free_ratio", nullptr},
             {"readonly", std::ranges::any_of(readonly, [&](const auto& other) {
                return same_place(other.labels, sample.labels);
              })}};
    for (const auto& free : inodes) {
      if (same_place(free.labels, sample.labels)) one["inodes_free_ratio"] = number_or_null(free.v);
    }
    host["filesystems"].push_back(std::move(one));
  }
  return host;
}

Json services_json(const Asker& ask) {
  Json services{{"watched", Json::array()},
                {"discovered", Json::array()},
                {"failed", Json::array()},
                {"units", Json::object()}};
  for (const auto& sample : ask.vector("chiron_service_up")) {
    services["watched"].push_back({{"name", sample.labels.get("name")}, {"up", sample.v == 1}});
  }
  for (const auto& sample : ask.vector("chiron_discovered_service_state == 1")) {
    services["discovered"].push_back({{"name", sample.labels.get("name")},
                                      {"unit", sample.labels.get("unit")},
                                      {"state", sample.labels.get("state")}});
  }
  for (const auto& sample : ask.vector("node_systemd_unit_state{state=\"failed\"} == 1")) {
    services["failed"].push_back(sample.labels.get("name"));
  }
  for (const auto& sample : ask.vector("node_systemd_units")) {
    services["units"][std::string(sample.labels.get("state"))] = sample.v;
  }
  return services;
}

Json containers_json(const Asker& ask) {
  Json containers = Json::array();
  const auto healths = ask.vector("chiron_container_health == 1");
  for (const auto& sample : ask.vector("chiron_container_state == 1")) {
    Json one{{"name", sample.labels.get("name")},
             {"image", sample.labels.get("image")},
             {"state", sample.labels.get("state")},
             {"health", nullptr}};
    for (const auto& health : healths) {
      if (health.labels.get("id") == sample.labels.get("id") &&
          health.labels.get("name") == sample.labels.get("name"))
        one["health"] = health.labels.get("status");
    }
    containers.push_back(std::move(one));
  }
  return containers;
}

Json updates_json(const Asker& ask) {
  return {{"pending", number_or_null(ask.number("sum(apt_upgrades_pending)"))},
          {"security_pending",
           number_or_null(ask.number("sum(apt_upgrades_pending{origin=~\".*[Ss]ecurity.*\"})"))},
          {"reboot_required", number_or_null(ask.number("max(node_reboot_required)"))}};
}

Json exhausted_json(const Asker& ask) {
  Json exhausted = Json::array();
  for (const auto& sample : ask.vector("chiron_remedy_exhausted == 1")) {
    exhausted.push_back({{"remedy", sample.labels.get("remedy")}, {"target", sample.labels.get("target")}});
  }
  return exhausted;
}

Json recent_runs_json(remediation::Ledger& ledger, const remediation::Remediator& remediator,
                      std::size_t limit) {
  remediation::HistoryFilter filter;
  filter.limit = limit;
  filter.suppressed = false;
  for (const auto& remedy : remediator.remedies()) {
    if (remedy.policy.only_reads) filter.routine.push_back(remedy.name);
  }
  Json recent = Json::array();
  if (const auto history = ledger.history(filter); history.ok()) {
    for (const auto& run : *history) recent.push_back(run_json(run));
  }
  return recent;
}

Json probes_json(const Asker& ask) {
  Json probes = Json::array();
  for (const auto& sample : ask.vector("probe_success")) {
    probes.push_back({{"probe", sample.labels.get("probe")},
                      {"module", sample.labels.get("module")},
                      {"target", sample.labels.get("target")},
                      {"success", sample.v == 1}});
  }
  return probes;
}

}  // namespace chiron::agent
