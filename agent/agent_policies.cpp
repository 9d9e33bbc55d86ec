#include "agent/agent_parts.h"
#include "agent/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::agent {
namespace {

/// The one setting that takes effect without a restart.
constexpr std::string_view kReloaded = "remediation.mode";

}  // namespace

Status AgentParts::load_policies_at_start() {
  reload_successful =
      &metrics.gauge("chiron_config_last_reload_successful",
                     "Whether the last attempt to load configuration, rules and remedies went well.");
  reload_time = &metrics.gauge("chiron_config_last_reload_success_timestamp_seconds",
                               "When configuration, rules and remedies were last loaded.");
  DiagnosticSink sink;
  Policies policies = load_policies(config, sink);
  if (!sink.ok())
    return Error(ErrorCode::invalid_argument, "the rules and remedies have faults\n" + errors_text(sink));
  apply(config, std::move(policies));
  if (Status started = remediator->start(); !started.ok()) return started;
  if (ledger_open->value() != 0) ledger->admit();
  return {};
}

void AgentParts::apply(const Config& fresh, Policies policies) {
  // Before the remedies: one that is armed by this reload keeps its hands off what it protects.
  remediator->set_limits(limits_of(fresh));
  rule_metrics->announce(policies.groups);
  rules->load(std::move(policies.groups));
  alertmanagers->configure(fresh.alertmanagers);
  {
    const MutexLock lock(fault_mutex);
    alertmanager_urls.clear();
    for (const alerting::AlertmanagerSpec& one : fresh.alertmanagers) alertmanager_urls.push_back(one.url);
    config_yaml.clear();
    for (const ShownSetting& one : shown_settings(in_effect(fresh)))
      config_yaml += one.name + ": " + one.as_yaml() + '\n';
  }
  tell_again = true;
  remediator->load(std::move(policies.remedies));
  reload_successful->set(1);
  reload_time->set(static_cast<double>(to_ms(clock.wall())) / 1000);
}

std::string AgentParts::last_reload_fault() {
  const MutexLock lock(fault_mutex);
  return reload_fault;
}

/// What is in use since the start and cannot be changed under it.
std::vector<std::string> AgentParts::waiting_for_restart(const Config& fresh) const {
  std::vector<std::string> names;
  for (const Setting& setting : all_settings()) {
    if (setting.option == kReloaded) continue;
    if (fresh.settings.list(setting.option) != config.settings.list(setting.option))
      names.push_back(setting.key.empty() ? setting.option : setting.key);
  }
  if (fresh.services != config.services) names.emplace_back("services");
  if (fresh.probes != config.probes) names.emplace_back("probes");
  if (fresh.external_labels != config.external_labels) names.emplace_back("identity.external_labels");
  return names;
}

/// Of what waiting_for_restart() looks at the agent goes by what it was started with.
Config AgentParts::in_effect(const Config& fresh) const {
  Config effective = fresh;
  effective.settings = config.settings;
  effective.settings.take(kReloaded, fresh.settings);
  effective.services = config.services;
  effective.probes = config.probes;
  effective.external_labels = config.external_labels;
  return effective;
}

Result<std::vector<std::string>> AgentParts::reload() {
  const MutexLock lock(reload_mutex);
  DiagnosticSink sink;
  GivenOptions given;
  for (const Setting& setting : all_settings()) {
    const SettingValue& value = config.settings.value(setting.option);
    if (value.source.starts_with("option ")) given.emplace_back(setting.option, value.values);
  }
  const Config fresh = load_config(given, process_environment(), sink);
  Policies policies = load_policies(fresh, sink);
  {
    const MutexLock fault_lock(fault_mutex);
    reload_fault = errors_text(sink);
  }
  if (!sink.ok()) {
    reload_successful->set(0);
    log.error("reload failed", {{"error", errors_text(sink)}, {"effect", "the old rules and remedies stay"}});
    return Error(ErrorCode::invalid_argument,
                 errors_text(sink) + "nothing was changed: the old rules and remedies stay");
  }
  std::vector<std::string> waiting = waiting_for_restart(fresh);
  if (!waiting.empty()) {
    log.warning("changed settings wait for a restart",
                {{"settings", fmt::format("{}", fmt::join(waiting, ", "))}});
  }
  apply(fresh, std::move(policies));
  log.info("reloaded", {{"file", fresh.file_exists ? fresh.file : "built-in defaults"}});
  return waiting;
}

remediation::Remediator::Limits AgentParts::limits_of(const Config& fresh) const {
  remediation::Remediator::Limits limits{fresh.deletion, fresh.gate(), fresh.host_budget, fresh.requests};
  // Whatever the roots are: a rescue does not delete the record of itself.
  limits.deletion.protect.push_back(state->path());
  limits.deletion.protect.push_back(state->path() + "/**");
  return limits;
}

}  // namespace chiron::agent
