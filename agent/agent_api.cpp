#include "agent/agent_parts.h"
#include "agent/version.h"

#include <unistd.h>

namespace chiron::agent {

std::size_t AgentParts::max_queries() const { return config.settings.count("query.max-concurrency"); }

/// As many wait as run: both hold a thread of the HTTP server.
void AgentParts::make_api() {
  promapi::Api::Limits limits;
  limits.query = config.query_limits();
  limits.features = config.features();
  limits.gate = {.most = max_queries(), .waiting = max_queries()};
  api = std::make_unique<promapi::Api>(promapi::Api::Sources{.clock = clock,
                                                             .store = store,
                                                             .catalogue = catalogue,
                                                             .rules = *rules,
                                                             .external_labels = config.external_labels,
                                                             .server = [this] { return server_facts(); },
                                                             .target = [this] { return target_facts(); }},
                                       limits);
}

promapi::ServerFacts AgentParts::server_facts() {
  promapi::ServerFacts facts;
  for (const Setting& setting : all_settings()) {
    std::string value;
    for (const std::string& one : config.settings.list(setting.option))
      value += (value.empty() ? "" : ", ") + one;
    facts.flags.emplace_back(setting.option, std::move(value));
  }
  facts.version = kVersion;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) facts.hostname = name.data();
  facts.started = start_time;
  facts.retention =
      config.settings.text("history.retention") + " or " + config.settings.text("history.memory");
  facts.reload_successful = reload_successful->value() != 0;
  facts.last_config = from_ms(static_cast<TimestampMs>(reload_time->value() * 1000));
  const MutexLock lock(fault_mutex);
  facts.config_yaml = config_yaml;
  facts.alertmanagers = alertmanager_urls;
  return facts;
}

promapi::TargetFacts AgentParts::target_facts() const {
  const PassTime pass = sampler->last_pass();
  promapi::TargetFacts facts;
  facts.labels = target;
  facts.address = std::string(target.get("instance"));
  facts.interval = config.settings.duration("sampling.interval");
  if (pass.t > 0) facts.last_scrape = from_ms(pass.t);
  for (const auto& collector : sampler->status()) facts.last_duration += collector.duration;
  facts.healthy = views->healthy();
  return facts;
}

}  // namespace chiron::agent
