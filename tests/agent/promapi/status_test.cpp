#include "tests/agent/promapi/api_fixture.h"

namespace chiron::agent::promapi {
namespace {

using Json = nlohmann::json;

class StatusTest : public ApiFixture {
 protected:
  ServerFacts server() override {
    ServerFacts facts = ApiFixture::server();
    facts.config_yaml = "sampling.interval: 5s\n";
    facts.flags = {{"web.allowed-host", "a, b"}, {"log.level", "info"}};
    facts.hostname = "web-1";
    facts.started = from_ms(1'000);
    facts.retention = "30m or 16MB";
    facts.reload_successful = false;
    facts.last_config = from_ms(2'000);
    return facts;
  }
  TargetFacts target() override {
    TargetFacts facts = ApiFixture::target();
    facts.healthy = healthy_;
    return facts;
  }
  bool healthy_ = true;
};

TEST_F(StatusTest, OfTheServer) {
  EXPECT_EQ(data("status/config"), Json::object({{"yaml", "sampling.interval: 5s\n"}}));
  EXPECT_EQ(data("status/flags"), Json({{"web.allowed-host", "a, b"}, {"log.level", "info"}}));
  const Json runtime = data("status/runtimeinfo");
  EXPECT_EQ(runtime["startTime"], "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(runtime["lastConfigTime"], "1970-01-01T00:00:02.000Z");
  EXPECT_EQ(runtime["reloadConfigSuccess"], false);
  EXPECT_EQ(runtime["storageRetention"], "30m or 16MB");
  EXPECT_EQ(runtime["hostname"], "web-1");
  const Json build = data("status/buildinfo");
  EXPECT_EQ(build["version"], "3.14.0+chiron.1.2.3");
  // Grafana takes for Mimir what has one.
  EXPECT_FALSE(build.contains("application") || build.contains("features"));
  EXPECT_EQ(data("status/walreplay")["max"], 0);
  EXPECT_EQ(
      data("alertmanagers"),
      Json::parse(
          R"({"activeAlertmanagers":[{"url":"http://am:9093/api/v2/alerts"}],"droppedAlertmanagers":[]})"));
}

TEST_F(StatusTest, OfTheSeries) {
  const Json all = data("status/tsdb");
  EXPECT_EQ(all["headStats"]["numSeries"], 5);
  EXPECT_EQ(all["headStats"]["maxTime"], series_.store().newest());
  EXPECT_EQ(all["seriesCountByLabelValuePair"][0], Json({{"name", "job=node"}, {"value", 2}}));
  EXPECT_EQ(all["labelValueCountByLabelName"][0], Json({{"name", "__name__"}, {"value", 5}}));
  EXPECT_EQ(all["seriesCountByMetricName"].size(), 5u);
  EXPECT_EQ(data("status/tsdb", "limit=1")["seriesCountByMetricName"].size(), 1u);
  for (const char* limit : {"0", "-1", "x"}) {
    EXPECT_EQ(fault("status/tsdb", std::string("limit=") + limit),
              "400 bad_data: limit must be a positive number");
  }
  EXPECT_EQ(fault("status/tsdb", "limit=10001"), "400 bad_data: limit must not exceed 10000");
  EXPECT_EQ(get("/api/v1/status/tsdb", "limit=10000").status, 200);
}

TEST_F(StatusTest, TheHostIsTheOneTarget) {
  const Json targets = data("targets");
  ASSERT_EQ(targets["activeTargets"].size(), 1u);
  const Json one = targets["activeTargets"][0];
  EXPECT_EQ(one["labels"], Json({{"instance", "web-1:10071"}, {"job", "node"}}));
  EXPECT_EQ(one["discoveredLabels"]["__address__"], "web-1:10071");
  EXPECT_EQ(one["scrapeUrl"], "http://web-1:10071/metrics");
  EXPECT_EQ(one["health"], "up");
  EXPECT_EQ(one["lastError"], "");
  EXPECT_EQ(one["lastScrape"], "1970-01-01T00:16:40.000Z");
  EXPECT_EQ(one["lastScrapeDuration"], 0.003);
  EXPECT_EQ(one["scrapeInterval"], "5s");
  for (const char* state : {"dropped", "bogus"})
    EXPECT_EQ(data("targets", std::string("state=") + state)["activeTargets"].size(), 0u);
  for (const char* state : {"any", "Active"})
    EXPECT_EQ(data("targets", std::string("state=") + state)["activeTargets"].size(), 1u);
  EXPECT_EQ(data("targets", "state=any")["droppedTargetCounts"], Json::object({{"node", 0}}));
  EXPECT_EQ(data("targets", "state=active")["droppedTargetCounts"], Json());
  EXPECT_EQ(data("targets", "scrapePool=other")["activeTargets"].size(), 0u);
  EXPECT_EQ(data("targets", "state=active&scrapePool=node")["activeTargets"].size(), 1u);
  EXPECT_EQ(data("scrape_pools"), Json::parse(R"({"scrapePools":["node"]})"));
  healthy_ = false;
  EXPECT_EQ(data("targets")["activeTargets"][0]["health"], "down");
}

TEST_F(StatusTest, MetadataOfMetrics) {
  EXPECT_EQ(data("metadata"), Json::parse(R"({
    "cpu_seconds_total":[{"type":"counter","help":"Seconds \"spent\".","unit":""}],
    "load1":[{"type":"unknown","help":"Load.","unit":""}]})"));
  EXPECT_EQ(data("metadata", "metric=load1").size(), 1u);
  EXPECT_EQ(data("metadata", "metric=none"), Json::object());
  EXPECT_EQ(data("metadata", "limit=1").size(), 1u);
  EXPECT_EQ(data("metadata", "limit=-1&limit_per_metric=1").size(), 2u);
  EXPECT_EQ(fault("metadata", "limit=x"), "400 bad_data: limit must be a number");
  EXPECT_EQ(fault("metadata", "limit_per_metric=x"), "400 bad_data: limit_per_metric must be a number");
}

TEST_F(StatusTest, MetadataOfTheTarget) {
  EXPECT_EQ(data("targets/metadata", "metric=load1&match_target={job=%22node%22}"), Json::parse(R"([
    {"target":{"instance":"web-1:10071","job":"node"},"type":"unknown","help":"Load.","unit":""}])"));
  EXPECT_EQ(data("targets/metadata", "limit=1")[0]["metric"], "cpu_seconds_total");
  EXPECT_EQ(data("targets/metadata").size(), 2u);
  EXPECT_EQ(data("targets/metadata", "match_target={job=%22other%22}").size(), 0u);
  EXPECT_THAT(fault("targets/metadata", "match_target={"),
              ::testing::StartsWith("400 bad_data: invalid parameter \"match_target\": 1:2: parse error"));
}

TEST_F(StatusTest, WhatThereIsNotIsNotFound) {
  for (const char* path : {"/api/v1/rules/test/test", "/api/v1/nope", "/api/v1/status"})
    EXPECT_EQ(get(path).status, 404);
  for (const char* path : {"metadata", "rules", "alerts", "targets", "status/config"}) {
    EXPECT_EQ(post(std::string("/api/v1/") + path, "").status, 405) << path;
  }
}

}  // namespace
}  // namespace chiron::agent::promapi
