#pragma once

#include "agent/promapi/answer.h"
#include "agent/promapi/params.h"
#include "agent/promapi/query_gate.h"
#include "exporter/http/server.h"
#include "exporter/series/store.h"
#include "rules/engine/engine.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace chiron::agent::promapi {

/// What the status endpoints tell of the agent at the moment.
struct ServerFacts {
  std::string config_yaml;
  std::vector<std::pair<std::string, std::string>> flags;
  std::string version;
  std::string hostname;
  WallTime started{};
  std::string retention;
  bool reload_successful = true;
  WallTime last_config{};
  std::vector<std::string> alertmanagers;  ///< URLs
};

/// The host as the one target there is.
struct TargetFacts {
  Labels labels;        ///< job, instance
  std::string address;  ///< HOST:PORT of /metrics
  Duration interval{};
  WallTime last_scrape{};
  Duration last_duration{};
  bool healthy = false;
};

/// Prometheus' HTTP API over the agent's samples and rules (prometheus.io, "HTTP API"; web/api/v1/api.go of
/// 3.14), so that Grafana, promtool and another Prometheus ask Chiron as they ask a Prometheus. Reads only;
/// thread-safe.
class Api {
 public:
  struct Limits {
    promql::Limits query;
    promql::Features features;
    QueryGate::Options gate{.most = 20, .waiting = 20};
  };
  /// All of it outlives the object.
  struct Sources {
    const Clock& clock;
    const Store& store;
    const Catalogue& catalogue;
    const rules::Engine& rules;
    Labels external_labels;
    std::function<ServerFacts()> server;
    std::function<TargetFacts()> target;
  };
  Api(Sources sources, Limits limits)
      : sources_(std::move(sources)),
        limits_(limits),
        share_(std::max<std::size_t>(limits.query.max_samples / limits.gate.most, 1)),
        gate_(limits.gate),
        large_({.most = 1, .waiting = limits.gate.most}) {}

  /// Handlers keep a reference to this.
  std::vector<http::Route> routes();
  /// What `chiron query` asks, with the parameters of /api/v1/query, or of query_range when there is a step.
  /// The same envelope. `gone` as in a request of HTTP.
  std::string query(Params::Pairs pairs, std::function<bool()> gone);
  /// Cancels the queries that run; those that come are refused.
  void stop() {
    gate_.stop();
    large_.stop();
  }

 private:
  using Handler = Status (Api::*)(const Params&, std::string&, Notes&) const;
  http::Handler plain(Handler handler);
  http::Handler gated(bool range);
  TimestampMs now() const;

  // queries.cpp
  http::Response answer_query(const http::Request& request, const Params& params, bool range);
  Status query_exemplars(const Params& params, std::string& data, Notes& notes) const;
  Status format_query(const Params& params, std::string& data, Notes& notes) const;
  Status parse_query(const Params& params, std::string& data, Notes& notes) const;
  // series.cpp
  Status labels(const Params& params, std::string& data, Notes& notes) const;
  Status series(const Params& params, std::string& data, Notes& notes) const;
  http::Response label_values(const http::Request& request) const;
  http::Response federate(const http::Request& request) const;
  // metadata.cpp
  Status metadata(const Params& params, std::string& data, Notes& notes) const;
  Status targets(const Params& params, std::string& data, Notes& notes) const;
  Status targets_metadata(const Params& params, std::string& data, Notes& notes) const;
  Status scrape_pools(const Params& params, std::string& data, Notes& notes) const;
  Status alertmanagers(const Params& params, std::string& data, Notes& notes) const;
  // rules.cpp
  Status rules(const Params& params, std::string& data, Notes& notes) const;
  Status alerts(const Params& params, std::string& data, Notes& notes) const;
  // status.cpp
  Status config(const Params& params, std::string& data, Notes& notes) const;
  Status flags(const Params& params, std::string& data, Notes& notes) const;
  Status runtimeinfo(const Params& params, std::string& data, Notes& notes) const;
  Status buildinfo(const Params& params, std::string& data, Notes& notes) const;
  Status tsdb(const Params& params, std::string& data, Notes& notes) const;
  Status walreplay(const Params& params, std::string& data, Notes& notes) const;

  const Sources sources_;
  const Limits limits_;
  /// So that all queries that run hold twice max_samples together, whatever they ask: each at most its share
  /// of them, and one at a time all of them.
  const std::size_t share_;
  QueryGate gate_, large_;
};

}  // namespace chiron::agent::promapi
