#include "agent/scrape.h"

#include "tests/support/recording_log.h"

#include <gmock/gmock.h>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// test_NAME, and as much text as makes a page worth compressing.
class OneValue final : public Collector {
 public:
  OneValue(Catalogue& catalogue, const std::string& name, const std::atomic<bool>& block)
      : id_(catalogue.series(catalogue.declare("test_" + name, std::string(2000, 'x'), MetricType::gauge),
                             {})),
        block_(block) {}
  Status collect(Frame& frame) override {
    block_.wait(true);
    frame.add(id_, 1);
    return {};
  }

 private:
  const SeriesId id_;
  const std::atomic<bool>& block_;
};

class ScrapeTest : public ::testing::Test {
 protected:
  ScrapeTest() {
    for (const char* name : {"cpu", "stat"})
      sampler_.add(name, std::make_unique<OneValue>(catalogue_, name, block_));
    loop_.start();
  }
  ~ScrapeTest() override { unblock(); }
  void unblock() {
    block_ = false;
    block_.notify_all();
  }

  http::Response get(std::vector<std::pair<std::string, std::string>> headers = {}) {
    return ask({}, std::move(headers));
  }
  http::Response ask(std::string query, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return scrapes_.answer(
        {.method = "GET", .path = "/metrics", .query = std::move(query), .headers = std::move(headers)});
  }
  std::string type_for(const std::string& accept) { return get({{"accept", accept}}).content_type; }

  std::atomic<bool> block_ = false;
  testing::RecordingLog log_;
  Catalogue catalogue_;
  Store store_{catalogue_, {}};
  SelfMetrics metrics_{catalogue_};
  Sampler sampler_{catalogue_, store_, metrics_, system_clock(), log_, {}};
  Loop loop_{sampler_, system_clock(), 1h, [](PassTime) {}};
  Scrapes scrapes_{loop_, 2};
};

TEST_F(ScrapeTest, AnswersInTheFormatThatIsWantedMost) {
  const std::string text = "text/plain; version=0.0.4; charset=utf-8";
  const std::string openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const std::string protobuf =
      "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", text},
      {"*/*", text},
      {"text/html,application/xhtml+xml,*/*;q=0.8", text},
      {"application/*;q=0.5,*/*;q=0.4", openmetrics},
      // Prometheus 2.42; the same with native-histograms; Prometheus 3.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       openmetrics},
      {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
       "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       protobuf},
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
       "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
       "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
       openmetrics + "; escaping=allow-utf-8"},
      {"application/openmetrics-text;version=0.0.1",
       "application/openmetrics-text; version=0.0.1; charset=utf-8"},
      {"application/openmetrics-text", openmetrics},
      {"application/openmetrics-text;version=2.0.0", text},
      {"text/plain;version=1.0.0;escaping=dots", "text/plain; version=1.0.0; charset=utf-8; escaping=dots"},
      {"text/plain;version=1.0.0;escaping=\"x; y\"", "text/plain; version=1.0.0; charset=utf-8"},
      {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", text},
      {"application/vnd.google.protobuf;proto=other;encoding=delimited", text},
      {"application/openmetrics-text;q=0,*/*;q=0", text},
      {"text/plain;q=0,application/openmetrics-text;q=0.1", openmetrics},
      {";;;q=,\"", text},
  };
  for (const auto& [accept, wanted] : cases) EXPECT_EQ(type_for(accept), wanted) << accept;
}

TEST_F(ScrapeTest, SeveralAcceptHeadersAreOneList) {
  EXPECT_THAT(
      get({{"accept", "text/plain;q=0.1"}, {"accept", "application/openmetrics-text;q=0.2"}}).content_type,
      HasSubstr("openmetrics"));
}

TEST_F(ScrapeTest, TheBodyIsInTheFormatThatItIsSaidToBeIn) {
  const http::Response text = get();
  EXPECT_EQ(text.status, 200);
  EXPECT_THAT(text.content(), ::testing::StartsWith("# HELP "));
  EXPECT_THAT(text.content(), ::testing::Not(HasSubstr("# EOF")));
  EXPECT_THAT(get({{"accept", "application/openmetrics-text"}}).content(), ::testing::EndsWith("\n# EOF\n"));
  const std::string protobuf = get({{"accept", "application/vnd.google.protobuf"}}).content();
  // A length of one or two bytes, then field 1: the name.
  EXPECT_THAT(protobuf.substr(0, 3), HasSubstr("\x0a"));
  EXPECT_THAT(protobuf, HasSubstr("chiron_timeline_ahead_seconds"));
  EXPECT_THAT(text.headers,
              ::testing::Contains(std::pair<std::string, std::string>("Vary", "Accept, Accept-Encoding")));
}

TEST_F(ScrapeTest, ManyWhoAskAtOnceShareOneBody) {
  EXPECT_EQ(get().shared_body.get(), get().shared_body.get());
}

TEST_F(ScrapeTest, CompressesForThoseWhoWantItOnceForAll) {
  const http::Response zipped = get({{"accept-encoding", "gzip, deflate"}});
  EXPECT_THAT(zipped.headers,
              ::testing::Contains(std::pair<std::string, std::string>("Content-Encoding", "gzip")));
  EXPECT_THAT(zipped.content(), ::testing::StartsWith("\x1f\x8b"));
  EXPECT_LT(zipped.content().size(), get().content().size() / 2);
  EXPECT_EQ(zipped.shared_body.get(), get({{"accept-encoding", "gzip"}}).shared_body.get());
  EXPECT_NE(zipped.shared_body.get(),
            get({{"accept-encoding", "gzip"}, {"accept", "application/openmetrics-text"}}).shared_body.get());
  EXPECT_THAT(get({{"accept-encoding", "gzip;q=0"}}).content(), ::testing::StartsWith("# HELP"));
}

TEST_F(ScrapeTest, ShowsTheCollectorsThatAreNamed) {
  const std::string all = get().content();
  const std::string only = ask("collect[]=cpu&collect[]=cpu").content();
  const std::string without = ask("exclude%5B%5D=stat&exclude[]=nonexistent").content();
  EXPECT_THAT(all, ::testing::AllOf(HasSubstr("\ntest_cpu 1"), HasSubstr("\ntest_stat 1")));
  for (const std::string& page : {only, without}) {
    EXPECT_THAT(page, ::testing::AllOf(HasSubstr("\ntest_cpu 1"), HasSubstr("chiron_timeline_ahead_seconds"),
                                       HasSubstr("node_scrape_collector_success{collector=\"cpu\"} 1"),
                                       ::testing::Not(HasSubstr("stat"))));
  }
  EXPECT_EQ(ask("collect[]=cpu").shared_body.get(), ask("exclude[]=stat").shared_body.get());
  EXPECT_THAT(ask("collect[]=stat&collect[]=cpu").content(), ::testing::Eq(all));
}

TEST_F(ScrapeTest, RefusesSelectionsAsNodeExporterDoes) {
  const auto refused = [this](const std::string& query, const std::string& why) {
    const http::Response response = ask(query);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_THAT(response.content(), HasSubstr(why)) << query;
  };
  refused("collect[]=cpu&exclude[]=stat", "Combined collect and exclude queries are not allowed.");
  refused("collect[]=cpu&collect[]=nope", "couldn't create collector: missing collector: nope");
  refused("collect[]=meminfo", "couldn't create collector: disabled collector: meminfo");
  refused("collect[]=", "missing collector: ");
}

TEST_F(ScrapeTest, WhoHasNoTimeToWaitGetsTheLastPage) {
  const std::string before = get().content();
  block_ = true;
  while (loop_.age() <= 1s) std::this_thread::sleep_for(10ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(get({{"x-prometheus-scrape-timeout-seconds", "0.2"}}).content(), before);
  // Without a timeout that says something: 2 s each.
  for (const char* odd : {"-1", "soon"}) {
    EXPECT_EQ(get({{"x-prometheus-scrape-timeout-seconds", odd}}).content(), before) << odd;
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);  // half of its timeout
  unblock();
}

TEST_F(ScrapeTest, WhoIsOverTheLimitIsRefusedAtOnce) {
  get();
  block_ = true;
  while (loop_.age() <= 1s) std::this_thread::sleep_for(10ms);
  std::atomic<int> served = 0, refused = 0;
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 6; ++i) {
    scrapers.emplace_back([&] {
      const int status = get({{"x-prometheus-scrape-timeout-seconds", "60"}}).status;
      ++(status == 200 ? served : refused);
      // The two that are let in wait for the page; it comes when the rest has been refused.
      if (served + refused == 4) unblock();
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(served, 2);
  EXPECT_EQ(refused, 4);
}

}  // namespace
}  // namespace chiron::agent
