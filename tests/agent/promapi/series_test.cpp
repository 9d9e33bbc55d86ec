#include "agent/promapi/selection.h"
#include "tests/agent/promapi/api_fixture.h"

namespace chiron::agent::promapi {
namespace {

using Json = nlohmann::json;

class SeriesTest : public ApiFixture {};

TEST_F(SeriesTest, LabelNames) {
  EXPECT_EQ(data("labels"), Json({"__name__", "cpu", "job", "odd.label", "why"}));
  EXPECT_EQ(data("labels", "match[]=load1"), Json({"__name__", "job"}));
  EXPECT_EQ(data("labels", "match[]=load1&match[]=cpu_seconds_total"), Json({"__name__", "cpu", "job"}));
  EXPECT_EQ(data("labels", "start=999&end=1001"), Json({"__name__", "cpu", "job", "odd.label"}));
  EXPECT_EQ(data("labels", "start=5&end=1"), Json::array());
  const http::Response cut = post("/api/v1/labels", "match[]=load1&limit=1");
  EXPECT_EQ(Json::parse(cut.body),
            Json::parse(
                R"({"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]})"));
}

TEST_F(SeriesTest, LabelValues) {
  EXPECT_EQ(data("label/job/values"), Json({"gone", "node"}));
  EXPECT_EQ(data("label/job/values", "start=900"), Json::array({"node"}));
  EXPECT_EQ(data("label/job/values", "end=900"), Json::array({"gone"}));
  EXPECT_EQ(data("label/__name__/values", "match[]={job=%22node%22}"), Json({"cpu_seconds_total", "load1"}));
  EXPECT_EQ(data("label/nothing/values"), Json::array());
  EXPECT_EQ(data("label/odd.label/values"), Json::array({"odd.value"}));
  EXPECT_EQ(data("label/U__odd_2e_label/values"), Json::array({"odd.value"}));
  EXPECT_EQ(fault("label/\xff/values"), "400 bad_data: invalid label name: \"\\xff\"");
  for (const char* path :
       {"/api/v1/label/job", "/api/v1/label/job/value", "/api/v1/label/a/b/values", "/api/v1/label/"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
  EXPECT_EQ(post("/api/v1/label/job/values", "").status, 405);
}

TEST_F(SeriesTest, LabelSetsOfSeries) {
  EXPECT_EQ(data("series", "match[]={job=~%22node|gone%22}"), Json::parse(R"([
    {"__name__":"cpu_seconds_total","cpu":"0","job":"node"},{"__name__":"load1","job":"node"},
    {"__name__":"old","job":"gone","why":"x"}])"));
  // It ended, but was there.
  EXPECT_EQ(data("series", "match[]=old&start=400&end=1000").size(), 1u);
  EXPECT_EQ(data("series", "match[]=old&start=500&end=1000").size(), 0u);
  EXPECT_EQ(data("series", "match[]=load1&match[]=load1").size(), 1u);
  const Json cut = Json::parse(post("/api/v1/series", "match[]={job!=\"\"}&limit=2").body);
  EXPECT_EQ(cut["data"].size(), 2u);
  EXPECT_TRUE(cut.contains("warnings"));
}

TEST_F(SeriesTest, MistakesAreToldAsPrometheusTellsThem) {
  EXPECT_EQ(fault("series"), "400 bad_data: no match[] parameter provided");
  for (const char* empty : {"{}", "{a=~\".*\"}"}) {
    EXPECT_EQ(
        fault("series", std::string("match[]=") + empty),
        "400 bad_data: invalid parameter \"match[]\": match[] must contain at least one non-empty matcher");
  }
  EXPECT_EQ(fault("series", "match[]=up&start=x"),
            "400 bad_data: invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" "
            "to a valid "
            "timestamp");
  // The grammar is that of a selector, not of an expression; only /series names the parameter.
  const std::vector<std::pair<std::string, std::string>> cases{
      {"sum(up)", "1:4: parse error: unexpected \"(\""},
      {"up[", "1:3: parse error: unexpected \"[\""},
      {"up[5m]", "1:3: parse error: unexpected \"[\""},
      {"up offset 5m", "1:4: parse error: unexpected <offset>"},
      {"up - up", "1:4: parse error: unexpected <op:->"},
      {"1", "1:1: parse error: unexpected number \"1\""},
      {"up up", "1:4: parse error: unexpected identifier \"up\""},
      {"", "unknown position: parse error: unexpected end of input"},
      {"{}", "match[] must contain at least one non-empty matcher"}};
  for (const auto& [text, wanted] : cases) {
    EXPECT_EQ(fault("labels", "match[]=" + text), "400 bad_data: " + wanted) << text;
    EXPECT_EQ(fault("label/a/values", "match[]=" + text), "400 bad_data: " + wanted) << text;
    EXPECT_EQ(fault("series", "match[]=" + text), "400 bad_data: invalid parameter \"match[]\": " + wanted)
        << text;
  }
  // Words that a selector may have for its name.
  for (const char* text : {"sum", "offset", "by", "start", "and", "rate", "{\"odd.name\"}"}) {
    EXPECT_EQ(get("/api/v1/labels", std::string("match[]=") + text).status, 200) << text;
  }
  EXPECT_EQ(fault("label/a/values", "limit=x"),
            "400 bad_data: invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
}

TEST_F(SeriesTest, TheFarthestTimesThatGoWritesAreTaken) {
  EXPECT_EQ(
      data("label/job/values", "start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z"),
      Json({"gone", "node"}));
}

TEST(UnescapeName, ReadsPrometheusValueEncoding) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"plain_name", "plain_name"},
      {"U__http_2e_status__code", "http.status_code"},
      {"U__label_20_with_20_space", "label with space"},
      {"U___fc_ber_20AC__1F600_", "\u00fcber\u20ac\U0001f600"},
      {"U__", ""},
      // What is no escape leaves all as it is.
      {"U__a_zz_b", "U__a_zz_b"},
      {"U__a_d800_", "U__a_d800_"},
      {"U__a_110000_", "U__a_110000_"},
      {"U__a_0000041_", "U__a_0000041_"},
      {"U__a_41", "U__a_41"},
      {"U__a_", "U__a_"}};
  for (const auto& [text, name] : cases) EXPECT_EQ(unescape_name(text), name) << text;
}

TEST_F(SeriesTest, FederationHasTimesAndTheServersLabels) {
  const http::Response page = get("/federate", "match[]={job=\"node\"}&match[]={\"odd.name\"}&match[]=old");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(page.body,
            "# TYPE cpu_seconds_total untyped\n"
            "cpu_seconds_total{cpu=\"0\",job=\"node\",site=\"paris\",instance=\"\"} 5 1000000\n"
            "# TYPE load1 untyped\n"
            "load1{job=\"node\",site=\"paris\",instance=\"\"} 0.5 1000000\n"
            "# TYPE odd_name untyped\n"
            "odd_name{odd_label=\"odd.value\",job=\"ignored\",site=\"paris\",instance=\"\"} 7 1000000\n");
  const auto odd = [&](const std::string& accept) {
    return ask({.method = "GET",
                .path = "/federate",
                .query = "match[]={\"odd.name\"}",
                .headers = {{"accept", accept}}});
  };
  const http::Response quoted =
      odd("text/plain;version=0.0.4;q=0.5, text/plain;version=1.0.0;escaping=allow-utf-8");
  EXPECT_EQ(quoted.content_type, "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
  EXPECT_EQ(quoted.body,
            "# TYPE \"odd.name\" untyped\n"
            "{\"odd.name\",\"odd.label\"=\"odd.value\",job=\"ignored\",site=\"paris\",instance=\"\"} 7 "
            "1000000\n");
  const http::Response dots = odd("text/plain;version=1.0.0;escaping=dots");
  EXPECT_EQ(dots.content_type, "text/plain; version=1.0.0; charset=utf-8; escaping=underscores");
  EXPECT_THAT(dots.body, ::testing::HasSubstr("\nodd_name{odd_label="));
  EXPECT_EQ(get("/federate").body, "");
  EXPECT_EQ(get("/federate", "match[]={}").status, 200);
  EXPECT_EQ(get("/federate", "match[]={}").body, "");
  EXPECT_NE(get("/federate", "match[]={a=~\".*\"}").body, "");
  EXPECT_EQ(get("/federate", "match[]=up[").body, "1:3: parse error: unexpected \"[\"\n");
  EXPECT_EQ(get("/federate", "match[]=)").status, 400);
  EXPECT_EQ(post("/federate", "match[]=load1").status, 405);
}

}  // namespace
}  // namespace chiron::agent::promapi
