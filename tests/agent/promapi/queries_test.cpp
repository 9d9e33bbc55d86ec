#include "tests/agent/promapi/api_fixture.h"

#include <future>

namespace chiron::agent::promapi {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class QueriesTest : public ApiFixture {};

TEST_F(QueriesTest, AnInstantQueryByGetAndByForm) {
  const Json wanted =
      Json::parse(R"({"resultType":"vector","result":[{"metric":{"__name__":"load1","job":"node"},
    "value":[1000,"0.5"]}]})");
  EXPECT_EQ(data("query", "query=load1"), wanted);
  EXPECT_EQ(data("query", "query=load1&time=1970-01-01T00:16:40Z"), wanted);
  EXPECT_EQ(data("query", "query=load1&time=1000.000&timeout=30s&stats=&limit=1"), wanted);
  const http::Response posted = post("/api/v1/query", "query=load1&time=1000");
  EXPECT_EQ(Json::parse(posted.body)["data"], wanted);
  EXPECT_EQ(data("query", "query=%22a%22")["result"], Json::parse(R"([1000,"a"])"));
}

TEST_F(QueriesTest, TheLookbackIsAParameter) {
  EXPECT_EQ(data("query", "query=keeps_on")["result"].size(), 0u);
  EXPECT_EQ(data("query", "query=keeps_on&lookback_delta=20m")["result"].size(), 1u);
  EXPECT_EQ(data("query", "query=keeps_on&lookback_delta=1200")["result"].size(), 1u);
  EXPECT_EQ(data("query", "query=keeps_on&lookback_delta=0")["result"].size(), 0u);
  EXPECT_EQ(fault("query", "query=up&lookback_delta=x"),
            "400 bad_data: error parsing lookback delta duration: cannot parse \"x\" to a valid duration");
}

TEST_F(QueriesTest, MistakesAreToldAsPrometheusTellsThem) {
  EXPECT_EQ(fault("query"),
            "400 bad_data: invalid parameter \"query\": unknown position: parse error: no expression found "
            "in input");
  EXPECT_EQ(fault("query", "query=%20up%20up"),
            "400 bad_data: invalid parameter \"query\": 1:5: parse error: unexpected identifier \"up\"");
  // Of several, the one that Prometheus finds first.
  EXPECT_THAT(fault("query", "query=)&limit=x&time=x&timeout=x&lookback_delta=x"), HasSubstr("\"limit\""));
  EXPECT_THAT(fault("query", "query=)&time=x&timeout=x&lookback_delta=x"), HasSubstr("\"time\""));
  EXPECT_THAT(fault("query", "query=)&timeout=x&lookback_delta=x"), HasSubstr("\"timeout\""));
  EXPECT_EQ(fault("query", "query=up&time=x"),
            "400 bad_data: invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to "
            "a valid "
            "timestamp");
  EXPECT_EQ(fault("query", "query=up&timeout=1fortnight"),
            "400 bad_data: invalid parameter \"timeout\": cannot parse \"1fortnight\" to a valid duration");
  EXPECT_EQ(fault("query", "query=up&timeout=1e300"),
            "400 bad_data: invalid parameter \"timeout\": cannot parse \"1e300\" to a valid duration. It "
            "overflows int64");
  EXPECT_EQ(fault("query", "query=up&limit=-1"),
            "400 bad_data: invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(fault("query", "query=up&limit=x"),
            "400 bad_data: invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(fault("query", "query=up&limit=-99999999999999999999"),
            "400 bad_data: invalid parameter \"limit\": strconv.Atoi: parsing \"-99999999999999999999\": "
            "value out of "
            "range");
  EXPECT_EQ(fault("query_range", "query=up"),
            "400 bad_data: invalid parameter \"start\": cannot parse \"\" to a valid timestamp");
  EXPECT_EQ(fault("query_range", "query=up&start=5&end=1&step=1"),
            "400 bad_data: invalid parameter \"end\": end timestamp must not be before start time");
  EXPECT_EQ(fault("query_range", "query=up&start=1&end=5&step=0"),
            "400 bad_data: invalid parameter \"step\": zero or negative query resolution step widths are not "
            "accepted. "
            "Try a positive integer");
  EXPECT_EQ(
      fault("query_range", "query=up&start=0&end=11001&step=1"),
      "400 bad_data: exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
      "resolution (?step=XX)");
  EXPECT_EQ(fault("query_range", "query=up[1m]&start=1&end=5&step=1"),
            "400 bad_data: invalid parameter \"query\": invalid expression type \"range vector\" for range "
            "query, must "
            "be Scalar or instant Vector");
  EXPECT_THAT(fault("query", "query=label_replace(load1,%22a%22,%22b%22,%22c%22,%22(%22)"),
              HasSubstr("422 execution: "));
  EXPECT_THAT(fault("query", "query={__name__=~%22load1|keeps_on%22}%20*%20on()%20{__name__=~%22.%2b%22}"),
              HasSubstr("422 execution: found duplicate series for the match group {} on the right"));
}

TEST_F(QueriesTest, ARangeQueryHasElevenThousandPointsAtMost) {
  EXPECT_EQ(data("query_range", "query=1&start=0&end=11000&step=1")["result"][0]["values"].size(), 11'001u);
  EXPECT_EQ(data("query_range", "query=load1&start=940&end=1060&step=60")["result"][0]["values"],
            Json::parse(R"([[1000,"0.5"],[1060,"0.5"]])"));
  EXPECT_EQ(post("/api/v1/query_range", "query=load1&start=940&end=1060&step=1m").status, 200);
}

TEST_F(QueriesTest, WhatIsOverTheLimitIsLeftOutWithAWarning) {
  const http::Response all = get("/api/v1/query", "query={job=%22node%22}&limit=2");
  EXPECT_FALSE(Json::parse(all.body).contains("warnings"));
  for (const std::string path : {"query", "query_range"}) {
    const Json cut =
        Json::parse(get("/api/v1/" + path, "query={job=%22node%22}&limit=1&start=1000&end=1000&step=1").body);
    EXPECT_EQ(cut["data"]["result"].size(), 1u);
    EXPECT_EQ(cut["warnings"], Json::parse(R"(["results truncated due to limit"])"));
  }
}

TEST_F(QueriesTest, WarningsAndInfosComeWithTheAnswer) {
  const Json info = Json::parse(get("/api/v1/query", "query=rate(keeps_on[20m])").body);
  ASSERT_TRUE(info.contains("infos")) << info;
  EXPECT_THAT(info["infos"][0].get<std::string>(),
              ::testing::StartsWith("PromQL info: metric might not be a counter"));
  EXPECT_FALSE(info.contains("warnings"));
  const Json warning = Json::parse(get("/api/v1/query", "query=quantile(2,load1)").body);
  ASSERT_TRUE(warning.contains("warnings")) << warning;
  EXPECT_THAT(warning["warnings"][0].get<std::string>(),
              ::testing::StartsWith("PromQL warning: quantile value should"));
}

TEST_F(QueriesTest, StatsTellTheTimings) {
  EXPECT_FALSE(data("query", "query=1").contains("stats"));
  const Json timings = data("query", "query=1&stats=all")["stats"]["timings"];
  for (const char* name : {"evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime",
                           "execQueueTime", "execTotalTime"}) {
    ASSERT_TRUE(timings.contains(name)) << timings;
    EXPECT_GE(timings[name].get<double>(), 0) << name;
  }
}

TEST_F(QueriesTest, StatsCountSamples) {
  const auto counts = [&](const std::string& path, const std::string& query) {
    const Json samples = data(path, query + "&stats=true")["stats"]["samples"];
    EXPECT_GT(samples["peakSamples"].get<int>(), 0) << query;
    return std::pair(samples["totalQueryableSamples"].get<int>(), samples["samplesRead"].get<int>());
  };
  using Counts = std::pair<int, int>;
  EXPECT_EQ(counts("query", "query={job=%22node%22}"), Counts(2, 2));
  // keeps_on is 1 at 400 s and at 401 s.
  EXPECT_EQ(counts("query", "query=sum_over_time(keeps_on[5m])&time=402"), Counts(2, 2));
  // A window shows its samples at each step, and reads each once; @ reads once for all steps.
  const std::string steps = "&start=401&end=404&step=1";
  EXPECT_EQ(counts("query_range", "query=sum_over_time(keeps_on[5m])" + steps), Counts(8, 2));
  EXPECT_EQ(counts("query_range", "query=keeps_on" + steps), Counts(4, 4));
  EXPECT_EQ(counts("query_range", "query=keeps_on%20@%20401" + steps), Counts(4, 1));
  // Of a subquery its results are shown; what is inside is read.
  EXPECT_EQ(counts("query", "query=sum_over_time(keeps_on[3s:1s])&time=404"), Counts(3, 3));
  EXPECT_EQ(counts("query", "query=max_over_time(sum_over_time(keeps_on[5m])[2s:1s])&time=403"),
            Counts(2, 2));
}

TEST_F(QueriesTest, StatsOfAnotherNameAreGivenWithAWarning) {
  const Json answer = Json::parse(get("/api/v1/query", "query={job=%22node%22}&stats=yes&limit=1").body);
  EXPECT_TRUE(answer["data"].contains("stats"));
  EXPECT_EQ(
      answer["warnings"],
      Json({"results truncated due to limit",
            "value \"yes\" for parameter \"stats\" is deprecated and will be rejected in the next major "
            "release, use \"true\" or \"all\""}));
  for (const char* known : {"true", "all"}) {
    EXPECT_FALSE(
        Json::parse(get("/api/v1/query", std::string("query=1&stats=") + known).body).contains("warnings"));
  }
}

TEST_F(QueriesTest, ElevenNotesOfAKindAreTenAndTheirNumber) {
  std::string expr = "vector(1)";
  for (int i = 2; i < 14; ++i) expr += "%20or%20quantile(" + std::to_string(i) + ",load1)";
  const Json answer = Json::parse(get("/api/v1/query", "query=" + expr).body);
  ASSERT_EQ(answer["warnings"].size(), 11u) << answer;
  EXPECT_EQ(answer["warnings"][10], "2 more warning annotations omitted");
}

TEST_F(QueriesTest, TimesAreReadAsGoReadsThem) {
  const auto time = [&](const std::string& text) {
    return data("query", "query=1&time=" + text)["result"][0];
  };
  EXPECT_EQ(time("1.0005"), 1);
  EXPECT_EQ(time("9e15"), 9e15);
  EXPECT_EQ(time("1e300"), 9e15);
  EXPECT_EQ(time("NaN"), -9e15);
  EXPECT_EQ(time("2020-01-01T00:00:00,5Z"), 1577836800.5);
  EXPECT_THAT(fault("query", "query=1&time=2020-01-01t00:00:00z"), HasSubstr("400 bad_data: "));
  for (const char* expr : {"load1", "rate(load1[5m])", "sum_over_time(load1[1h:1m])", "load1%20offset%20290y",
                           "load1%20offset%20-290y", "year()", "timestamp(load1)"}) {
    for (const char* far : {"9e15", "-9e15", "inf", "-inf", "nan"}) {
      EXPECT_EQ(get("/api/v1/query", std::string("query=") + expr + "&time=" + far).status, 200)
          << expr << far;
    }
  }
  EXPECT_EQ(get("/api/v1/query_range", "query=load1&start=-9e15&end=9e15&step=1").status, 400);
}

TEST_F(QueriesTest, AQueryThatTakesTooLongIsStopped) {
  const std::string slow = "query=sum_over_time(count_over_time(vector(1)[100s:1ms])[1000d:1s])&time=1000";
  EXPECT_EQ(fault("query", slow + "&timeout=50ms"), "503 timeout: query timed out in expression evaluation");
  EXPECT_EQ(fault("query", "query=1&timeout=0"), "503 timeout: query timed out in query execution");
  EXPECT_EQ(fault("query", "query=1&timeout=-1"), "503 timeout: query timed out in query execution");
}

TEST_F(QueriesTest, AQueryOfAClientThatWentAwayIsStopped) {
  std::atomic<int> looks{0};
  http::Request request{
      .method = "GET",
      .path = "/api/v1/query",
      .query = "query=sum_over_time(count_over_time(vector(1)[100s:1ms])[1000d:1s])&time=1000",
      .gone = [&] { return ++looks > 1; }};
  const http::Response response = ask(std::move(request));
  EXPECT_EQ(response.status, 499) << response.body;
  EXPECT_THAT(response.body,
              HasSubstr(R"("errorType":"canceled","error":"query was canceled in expression evaluation")"));
}

TEST_F(QueriesTest, AQueryOfACommandThatWentAwayIsStopped) {
  std::atomic<int> looks{0};
  const std::string answer =
      api_.query({{"query", "sum_over_time(count_over_time(vector(1)[100s:1ms])[1000d:1s])"}},
                 [&] { return ++looks > 1; });
  EXPECT_THAT(answer, HasSubstr("query was canceled in expression evaluation"));
}

TEST_F(QueriesTest, StoppingEndsQueriesAndRefusesThem) {
  auto slow = std::async(std::launch::async, [&] {
    return fault("query", "query=sum_over_time(count_over_time(vector(1)[100s:1ms])[1000d:1s])&time=1000");
  });
  EXPECT_EQ(slow.wait_for(50ms), std::future_status::timeout);
  api_.stop();
  EXPECT_THAT(slow.get(), ::testing::AnyOf(HasSubstr("499 canceled"), HasSubstr("503 unavailable")));
  EXPECT_EQ(fault("query", "query=1"), "503 unavailable: the agent is stopping");
}

class FewSamplesTest : public ApiFixture {
 protected:
  FewSamplesTest() : ApiFixture({.query = {.max_samples = 1000}, .features = {}}) {}
};

TEST_F(FewSamplesTest, TheSamplesOfAQueryAreLimited) {
  EXPECT_EQ(data("query", "query=sum_over_time(vector(1)[200s:1s])&time=1000")["result"].size(), 1u);
  EXPECT_EQ(fault("query", "query=sum_over_time(vector(1)[5000s:1s])&time=1000"),
            "422 execution: query processing would load too many samples into memory in query execution");
}

/// A query has a share of 5,000 samples; what needs more runs by itself.
class LargeQueriesTest : public ApiFixture {
 protected:
  LargeQueriesTest() : ApiFixture({.query = {.max_samples = 100'000}, .features = {}}) {}
  // Holds 90,000 samples for more than a minute: nothing of a quantile's window is kept for the next step.
  const std::string slow_ =
      "query=sum_over_time(quantile_over_time(0.5,vector(time())[30000s:1s])[30000s:1s])&time=100000";
  const std::string large_ = "query=sum_over_time(vector(1)[3000s:1s])&time=100000";
};

TEST_F(LargeQueriesTest, RunOneAtATimeAndHoldUpNoOther) {
  EXPECT_EQ(data("query", large_)["result"][0]["value"], Json::parse(R"([100000,"3000"])"));
  auto slow = std::async(std::launch::async, [&] { return fault("query", slow_); });
  // Until the slow one has its turn, this one is answered.
  const std::string queued = "503 timeout: query timed out in query queue";
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  std::string waited;
  while (waited != queued && std::chrono::steady_clock::now() < deadline)
    waited = fault("query", large_ + "&timeout=1s");
  EXPECT_EQ(waited, queued);
  EXPECT_EQ(data("query", "query=sum_over_time(vector(1)[2000s:1s])&time=100000")["result"].size(), 1u);
  api_.stop();
  EXPECT_THAT(slow.get(), HasSubstr("499 canceled"));
}

TEST_F(QueriesTest, AnswersOfSomeSizeAreCompressedForWhoWantsIt) {
  http::Request request{.method = "GET",
                        .path = "/api/v1/query_range",
                        .query = "query=1&start=0&end=1000&step=1",
                        .headers = {{"accept-encoding", "gzip"}}};
  const http::Response zipped = ask(request);
  EXPECT_THAT(zipped.headers,
              ::testing::Contains(std::pair<std::string, std::string>("Content-Encoding", "gzip")));
  EXPECT_EQ(zipped.body.substr(0, 2), "\x1f\x8b");
  request.headers.clear();
  EXPECT_GT(ask(request).body.size(), zipped.body.size());
}

TEST_F(QueriesTest, ThereAreNoExemplars) {
  EXPECT_EQ(data("query_exemplars", "query=up&start=1&end=2"), Json::array());
  EXPECT_EQ(data("query_exemplars", "query=rate(up[5m])"), Json::array());
  EXPECT_EQ(get("/api/v1/query_exemplars", "query=1").status, 204);
  EXPECT_EQ(get("/api/v1/query_exemplars", "query=1").body, "");
  EXPECT_EQ(fault("query_exemplars", "query=up&start=3&end=2"),
            "400 bad_data: end timestamp must not be before start timestamp");
  EXPECT_EQ(fault("query_exemplars"),
            "400 bad_data: unknown position: parse error: no expression found in input");
}

TEST_F(QueriesTest, ExpressionsAreLaidOutAndTakenApart) {
  EXPECT_EQ(data("format_query", "query=sum(up)by(job)"), "sum by (job) (up)");
  EXPECT_EQ(data("parse_query", "query=1")["type"], "numberLiteral");
  EXPECT_EQ(fault("format_query"), fault("query"));
  EXPECT_THAT(fault("parse_query", "query=sum("), HasSubstr("400 bad_data: invalid parameter \"query\": 1:"));
}

}  // namespace
}  // namespace chiron::agent::promapi
