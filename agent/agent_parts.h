#pragma once

#include "agent/agent.h"
#include "agent/api.h"
#include "agent/control.h"
#include "agent/control_commands.h"
#include "agent/deferred_ledger.h"
#include "agent/host_door.h"
#include "agent/loop.h"
#include "agent/promapi/api.h"
#include "agent/retry.h"
#include "agent/rule_metrics.h"
#include "agent/state_dir.h"
#include "agent/state_saver.h"
#include "agent/views.h"
#include "alerting/alertmanager_client.h"
#include "alerting/due_alerts.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/http/server.h"
#include "exporter/sampling/sampler.h"
#include "remediation/engine/remediator.h"
#include "remediation/ledger/ledger.h"
#include "rules/engine/engine.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chiron::agent {

// The inside of the agent, for agent*.cpp only.

/// In the order they are built; taken down the other way round.
struct AgentParts {
  AgentParts(Config c, const Clock& k, EventLog& l)
      : config(std::move(c)),
        clock(k),
        log(l),
        paths(config.paths()),
        target(config.target_labels()),
        start_time(clock.wall()),
        catalogue(target),
        metrics(catalogue),
        store(catalogue, {.retention = config.settings.duration("history.retention"),
                          .memory = config.settings.bytes("history.memory")}) {}

  ~AgentParts() {
    if (door) door->close();
  }

  Config config;
  const Clock& clock;
  EventLog& log;
  const HostPaths paths;
  const Labels target;
  const WallTime start_time;
  std::optional<StateDir> state;
  Catalogue catalogue;
  SelfMetrics metrics;
  Store store;
  std::unique_ptr<DeferredLedger> ledger;
  std::unique_ptr<Sampler> sampler;
  std::unique_ptr<rules::Engine> rules;
  std::unique_ptr<alerting::AlertmanagerClient> alertmanagers;
  std::unique_ptr<alerting::DueAlerts> due_alerts;  // loop thread only
  std::atomic<bool> tell_again{false};              // a reload may have brought new Alertmanagers
  std::shared_ptr<HostDoor> door;                   // shared with steps that were left behind
  std::unique_ptr<remediation::Remediator> remediator;
  std::unique_ptr<RuleMetrics> rule_metrics;
  std::unique_ptr<StateSaver> saver;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Views> views;
  std::unique_ptr<promapi::Api> api;
  std::unique_ptr<Scrapes> scrapes;
  std::unique_ptr<ControlCommands> commands;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<ControlServer> control;
  std::unique_ptr<Retry> retry;  // of what found no room at the start
  Mutex reload_mutex;            // one reload at a time
  Mutex fault_mutex;
  std::string reload_fault CHIRON_GUARDED_BY(fault_mutex);  // of the last reload, "" when it went well
  std::vector<std::string> alertmanager_urls CHIRON_GUARDED_BY(fault_mutex);  // of the last one that did
  std::string config_yaml CHIRON_GUARDED_BY(fault_mutex);                     // what is in effect
  std::vector<rules::Alert> firing;                                           // loop thread only
  SelfMetrics::Gauge* reload_successful = nullptr;
  SelfMetrics::Gauge* reload_time = nullptr;
  SelfMetrics::Gauge* ledger_open = nullptr;
  Status open_state();
  Status open_ledger();
  Status make_sampler();
  Status make_rules();
  Status make_remediator();
  Status load_policies_at_start();
  void apply(const Config& fresh, Policies policies);
  Status serve();
  Status start_control();
  Status take_up_ledger();
  bool catch_up();
  void after_pass(PassTime pass);
  Result<std::vector<std::string>> reload() CHIRON_EXCLUDES(reload_mutex, fault_mutex);
  std::string last_reload_fault() CHIRON_EXCLUDES(fault_mutex);
  void make_api();
  std::size_t max_queries() const;
  promapi::ServerFacts server_facts() CHIRON_EXCLUDES(fault_mutex);
  promapi::TargetFacts target_facts() const;
  std::vector<std::string> waiting_for_restart(const Config& fresh) const;
  Config in_effect(const Config& fresh) const;
  remediation::Remediator::Limits limits_of(const Config& fresh) const;
};

}  // namespace chiron::agent
