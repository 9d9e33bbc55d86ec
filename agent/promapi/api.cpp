#include "agent/promapi/api.h"

namespace chiron::agent::promapi {

TimestampMs Api::now() const {
  const TimestampMs newest = sources_.store.newest();
  return newest > 0 ? newest : to_ms(sources_.clock.wall());
}

http::Handler Api::plain(Handler handler) {
  return [this, handler](const http::Request& request) {
    const Params params(request.all_params());
    return answer(request,
                  [&](std::string& data, Notes& notes) { return (this->*handler)(params, data, notes); });
  };
}

http::Handler Api::gated(bool range) {
  return [this, range](const http::Request& request) {
    return answer_query(request, Params(request.all_params()), range);
  };
}

std::vector<http::Route> Api::routes() {
  struct Row {
    const char* path;
    const char* help;
    http::Handler handler;
    bool form;  ///< POST too
  };
  const std::vector<Row> rows{
      {"query", "Prometheus' instant query: query, time, timeout, limit, lookback_delta, stats.",
       gated(false), true},
      {"query_range", "Prometheus' range query: query, start, end, step and those of query.", gated(true),
       true},
      {"query_exemplars", "Exemplars: there are none.", plain(&Api::query_exemplars), true},
      {"format_query", "An expression laid out: query.", plain(&Api::format_query), true},
      {"parse_query", "The tree of an expression: query.", plain(&Api::parse_query), true},
      {"labels", "Label names: match[], start, end, limit.", plain(&Api::labels), true},
      {"label/*", "label/NAME/values, the values of a label: match[], start, end, limit.",
       [this](const http::Request& request) { return label_values(request); }, false},
      {"series", "Label sets of series: match[], start, end, limit.", plain(&Api::series), true},
      {"metadata", "Types and HELP of metrics: metric, limit, limit_per_metric.", plain(&Api::metadata),
       false},
      {"rules",
       "Rule groups with their alerts: type, rule_name[], rule_group[], file[], match[], exclude_alerts, "
       "group_limit, "
       "group_next_token.",
       plain(&Api::rules), false},
      {"alerts", "Alerts that are pending or firing.", plain(&Api::alerts), false},
      {"alertmanagers", "The Alertmanagers that alerts are sent to.", plain(&Api::alertmanagers), false},
      {"targets", "This host as a target: state, scrapePool.", plain(&Api::targets), false},
      {"targets/metadata", "Its metrics: metric, match_target, limit.", plain(&Api::targets_metadata), false},
      {"scrape_pools", "The names of scrape pools.", plain(&Api::scrape_pools), false},
      {"status/config", "Settings in effect.", plain(&Api::config), false},
      {"status/flags", "Options in effect.", plain(&Api::flags), false},
      {"status/runtimeinfo", "Start, last configuration, retention.", plain(&Api::runtimeinfo), false},
      {"status/buildinfo", "The version of Prometheus whose API this is, and Chiron's.",
       plain(&Api::buildinfo), false},
      {"status/tsdb", "Numbers of series by name and label: limit.", plain(&Api::tsdb), false},
      {"status/walreplay", "The state of a replay: there is none.", plain(&Api::walreplay), false},
  };
  std::vector<http::Route> routes;
  for (const Row& row : rows) {
    routes.push_back({"GET", std::string("/api/v1/") + row.path, row.help, row.handler});
    if (row.form) routes.push_back({"POST", std::string("/api/v1/") + row.path, row.help, row.handler});
  }
  routes.push_back({"GET", "/federate", "Samples for another Prometheus: match[].",
                    [this](const http::Request& request) { return federate(request); }});
  return routes;
}

}  // namespace chiron::agent::promapi
