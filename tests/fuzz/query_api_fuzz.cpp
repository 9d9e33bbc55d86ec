#include "agent/promapi/api.h"
#include "exporter/http/route_table.h"
#include "tests/fuzz/expect.h"
#include "tests/support/series_fixture.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace chiron::agent::promapi {
namespace {

using fuzz::expect;

constexpr TimestampMs kNow = 1'700'000'000'000;

/// An agent's inside with a few series and rules, and little patience.
struct World {
  World() {
    series.load(
        kNow - 100'000, 10'000,
        {R"(up{job="node", instance="a"} 1x10)", R"(up{job="node", instance="b"} 1 1 0 _ _ 1 1)",
         R"(requests_total{job="node", code="200"} 0+7x10)", R"(latency_bucket{le="0.1"} 1x10)",
         R"(latency_bucket{le="+Inf"} 5x10)", R"({"odd.name", "odd.label"="\n\"\\"} NaN Inf -Inf 1e300)"});
    DiagnosticSink sink;
    engine.load(rules::parse_rule_file("rules.yml", R"(groups:
- name: one
  rules: [{alert: Up, expr: up == 1, annotations: {a: "{{ $value }}"}}, {record: "a:b", expr: sum(up)}]
- {name: two, rules: [{alert: Down, expr: up == 0, for: 1h}]}
)",
                                       sink));
    engine.evaluate(kNow, system_clock().boot());
  }

  testing::SeriesFixture series;
  rules::Engine engine{series.store(), series.catalogue(), system_clock(), null_log(), {}};
  Api api{{.clock = system_clock(),
           .store = series.store(),
           .catalogue = series.catalogue(),
           .rules = engine,
           .external_labels = {{"site", "paris"}},
           .server = [] { return ServerFacts(); },
           .target = [] { return TargetFacts(); }},
          {.query = {.max_samples = 100'000, .timeout = std::chrono::milliseconds(200)}, .features = {}}};
  http::RouteTable table{api.routes()};
};

/// METHOD PATH[?QUERY], a line break, a form body; one that begins with -- is in parts, and names the
/// boundary.
http::Request request_of(std::string_view text) {
  http::Request request{.headers = {{"content-type", "application/x-www-form-urlencoded"}}};
  const std::size_t line = std::min(text.find('\n'), text.size());
  std::string_view head = text.substr(0, line);
  request.body = text.substr(std::min(line + 1, text.size()));
  if (request.body.starts_with("--")) {
    const std::string boundary = request.body.substr(2, request.body.find('\r') - 2);
    request.headers = {{"content-type", "multipart/form-data; boundary=\"" + boundary + '"'}};
  }
  const std::size_t blank = std::min(head.find(' '), head.size());
  request.method = head.substr(0, blank);
  head.remove_prefix(std::min(blank + 1, head.size()));
  const std::size_t question = std::min(head.find('?'), head.size());
  request.path = head.substr(0, question);
  request.query = head.substr(std::min(question + 1, head.size()));
  return request;
}

void check(const http::Request& request, const http::Response& response) {
  expect(response.status >= 200 && response.status < 600);
  if (response.content_type != "application/json") return;
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  expect(json.is_object());
  const std::string status = json.value("status", "");
  expect((status == "success") == (response.status == 200));
  const bool has_data = json.contains("data") || request.path == "/api/v1/query_exemplars";
  expect(status == "success" ? has_data : json.contains("errorType") && json.value("error", "") != "");
  expect(!request.path.empty());
}

}  // namespace
}  // namespace chiron::agent::promapi

// Whatever is asked is answered within its time, in JSON that says whether it went well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chiron::agent::promapi;
  static World world;
  const chiron::http::Request request =
      request_of(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto match = world.table.find(request.method, request.path);
  if (match.route != nullptr) check(request, match.route->handler(request));
  return 0;
}
