#pragma once

#include "agent/promapi/api.h"
#include "exporter/http/route_table.h"
#include "tests/support/recording_log.h"
#include "tests/support/series_fixture.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace chiron::agent::promapi {

/// The API over a few series and rules, asked through its routes.
class ApiFixture : public ::testing::Test {
 protected:
  static constexpr TimestampMs kNow = 1'000'000;

  explicit ApiFixture(Api::Limits limits = {}) : limits_(limits) {}

  void SetUp() override {
    const FamilyId cpu =
        series_.catalogue().declare("cpu_seconds_total", "Seconds \"spent\".", MetricType::counter);
    const FamilyId load = series_.catalogue().declare("load1", "Load.", MetricType::untyped);
    const std::vector<FrameEntry> frame{{series_.catalogue().series(cpu, {{"cpu", "0"}, {"job", "node"}}), 5},
                                        {series_.catalogue().series(load, {{"job", "node"}}), 0.5}};
    series_.store().append(series_.store().add_stream(), kNow, frame);
    // Ten minutes before, and gone.
    series_.load(kNow - 600'000, 1000, {R"(old{job="gone", why="x"} 1 2)", "keeps_on 1 1"});
    series_.load(kNow, 1000, {R"({"odd.name", "odd.label"="odd.value"} 7)"});
  }

  http::Response ask(http::Request request) {
    const http::RouteTable table(api_.routes());
    const auto match = table.find(request.method, request.path);
    return match.route == nullptr ? http::Response{.status = match.allow.empty() ? 404 : 405}
                                  : match.route->handler(request);
  }
  http::Response get(const std::string& path, const std::string& query = {}) {
    return ask({.method = "GET", .path = path, .query = query});
  }
  http::Response post(const std::string& path, const std::string& form) {
    return ask({.method = "POST",
                .path = path,
                .body = form,
                .headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  }
  /// What an answer that is no error has as its data.
  nlohmann::json data(const std::string& path, const std::string& query = {}) {
    const http::Response response = get("/api/v1/" + path, query);
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(json.value("status", ""), "success") << response.body;
    return json.is_object() && json.contains("data") ? json["data"] : nlohmann::json();
  }
  /// STATUS TYPE: MESSAGE
  std::string fault(const std::string& path, const std::string& query = {}) {
    const http::Response response = get("/api/v1/" + path, query);
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    if (!json.is_object() || json.value("status", "") != "error") return "no error: " + response.body;
    return std::to_string(response.status) + ' ' + json.value("errorType", "") + ": " +
           json.value("error", "");
  }

  virtual ServerFacts server() {
    ServerFacts facts;
    facts.version = "1.2.3";
    facts.alertmanagers = {"http://am:9093"};
    return facts;
  }
  virtual TargetFacts target() {
    TargetFacts facts;
    facts.labels = {{"instance", "web-1:10071"}, {"job", "node"}};
    facts.address = "web-1:10071";
    facts.interval = std::chrono::seconds(5);
    facts.last_scrape = from_ms(kNow);
    facts.last_duration = std::chrono::milliseconds(3);
    facts.healthy = true;
    return facts;
  }

  const Api::Limits limits_;
  testing::RecordingLog log_;
  testing::SeriesFixture series_;
  rules::Engine engine_{series_.store(), series_.catalogue(), system_clock(), log_, {}};
  Api api_{{.clock = system_clock(),
            .store = series_.store(),
            .catalogue = series_.catalogue(),
            .rules = engine_,
            .external_labels = {{"job", "ignored"}, {"site", "paris"}},
            .server = [this] { return server(); },
            .target = [this] { return target(); }},
           limits_};
};

}  // namespace chiron::agent::promapi
