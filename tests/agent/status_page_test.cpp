#include "agent/status_page.h"

namespace chiron::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusPage, ShowsAlertsRunsAndLinks) {
  const std::string page = to_html(status_page(
      R"({"time":"2026-01-01T00:00:00Z","host":{"name":"web-1"},"health":{"status":"degraded","problems":
          [{"what":"collector systemd","detail":"no bus"}]},
          "alerts":[{"name":"HostDiskFull","state":"firing","labels":{"severity":"critical"},"active_seconds":90,
                     "annotations":{"summary":"/ is 97% full"},"held":false}],
          "recent_runs":[{"id":"r1","remedy":"rescue-disk","target":"/","state":"failed","duration_seconds":2,
                          "reason":"no space"}]})",
      std::vector<http::Route>{{"GET", "/metrics", "Samples.", nullptr}}));
  for (const char* text : {"web-1", "degraded", "no bus", "HostDiskFull", "critical", "/ is 97% full",
                           "1 m 30 s", "rescue-disk", "failed", "no space", R"(<a href="/metrics">)"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
}

TEST(StatusPage, SaysUntilWhenARemedyIsArmed) {
  const auto page = [](const char* armed) {
    return to_html(status_page(
        std::string(R"({"remedies":[{"name":"a","mode":"automatic","armed":)") + armed + "}]}", {}));
  };
  EXPECT_THAT(page(R"({"until":"2026-12-27T09:49:00.000Z","over":false})"),
              HasSubstr("<span class=\"good\">automatic until 2026-12-27 09:49 UTC</span>"));
  EXPECT_THAT(page(R"({"until":"2026-12-27T09:49:00.000Z","over":true})"),
              HasSubstr("<span class=\"warn\">automatic (was armed until 2026-12-27 09:49 UTC)</span>"));
  EXPECT_THAT(page("null"), HasSubstr(">automatic<"));
}

TEST(StatusPage, ShowsTargetsThatEarlierRunsStillCountFor) {
  const std::string page = to_html(status_page(
      R"({"remedies":[{"name":"heal","target_states":[
          {"target":"<a>","reason":"breaker","next_allowed":"2026-11-27T10:00:20.123Z",
           "breaker":{"state":"open","open_until":"2026-11-27T10:00:20.123Z","in_vain":3,"failures":3},
           "budget":{"left":1,"runs":3,"per_seconds":3600}},
          {"target":"b","reason":null,"breaker":{"state":"closed","in_vain":1,"failures":3}},7]}]})",
      {}));
  for (const char* text :
       {"Targets that earlier runs still count for", "&lt;a&gt;", "<span class=\"bad\">breaker</span>",
        "open until 2026-11-27 10:00:20 UTC", "1 of 3 per 1 h", "closed, 1 of 3 in vain", ">now</td>"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  EXPECT_THAT(to_html(status_page(R"({"remedies":[{"name":"heal"}]})", {})), Not(HasSubstr("earlier runs")));
}

TEST(StatusPage, EscapesWhatComesFromStrangers) {
  const std::string evil = R"(<script>alert('x')</script>\"&)";
  const std::string page = to_html(status_page(
      R"({"host":{"name":")" + evil + R"("},"alerts":[{"name":")" + evil +
          R"(","state":"pending","labels":{"a":")" + evil + R"("}}],"containers":[{"name":")" + evil +
          R"("}],"active_runs":[{"id":"1","reason":")" + evil + R"(","target":")" + evil + R"("}]})",
      {}));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
}

TEST(StatusPage, NamesNothingFromElsewhere) {
  const std::string page = to_html(status_page("{}", {}));
  for (const char* text : {"http:", "https:", "src=", "<link", "<script", "url("})
    EXPECT_THAT(page, Not(HasSubstr(text)));
}

TEST(StatusPage, StandsFieldsThatAreMissingOrOfAnotherType) {
  for (const char* status : {"", "null", "[]", "3", R"({"alerts":3,"host":[],"remedies":[null,{"steps":7}]})",
                             R"({"recent_runs":[{"duration_seconds":"x"}],"services":{"failed":[1]}})"}) {
    EXPECT_THAT(to_html(status_page(status, {})), HasSubstr("</html>")) << status;
  }
}

}  // namespace
}  // namespace chiron::agent
