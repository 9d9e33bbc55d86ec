#include "agent/report.h"

namespace chiron::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kReport = R"({
  "time":"2026-01-05T09:00:00.000Z","since":"2025-12-29T09:00:00.000Z","period_seconds":604800,
  "host":{"name":"web-1","kernel":"6.1.0","uptime_seconds":3600,"load1":1.5,"cpus":2,
    "memory_total_bytes":2147483648,"memory_available_bytes":1073741824,
    "swap_total_bytes":1073741824,"swap_free_bytes":536870912,
    "filesystems":[{"mountpoint":"/var","device":"/dev/a","fstype":"ext4","size_bytes":107374182400,
      "avail_bytes":2147483648,"inodes_free_ratio":0.5,"readonly":false,
      "avail_trend_bytes_per_day":-1073741824,"full_in_seconds":172800}]},
  "health":{"status":"ok","problems":[]},
  "findings":[{"check":"disks","what":"/var","detail":"2 GiB (2 %) available"}],
  "alerts":[{"name":"HostDiskFull","state":"firing","labels":{"severity":"critical"},"active_seconds":90,
             "annotations":{"summary":"/var is 98% full"}},
            {"name":"Watchdog","state":"firing","labels":{"severity":"none"},"active_seconds":9000}],
  "services":{"failed":["nginx.service"],"watched":[{"name":"db.service","up":false}],"discovered":[]},
  "containers":[{"name":"shop","state":"running","health":"unhealthy","image":"shop:1"}],
  "probes":[],"updates":{"pending":12,"security_pending":3,"reboot_required":1},
  "waiting_runs":[{"id":"R7","remedy":"reboot","target":"host"}],"paused":"by a person",
  "remedies":[{"name":"rescue-disk","mode":"automatic","schedule":null,
               "period":{"runs":3,"succeeded":2,"failed":1,"planned":0,"freed_bytes":1073741824}},
              {"name":"health-check","mode":"dry-run","only_reads":true,"schedule":{"next":"2026-01-05T09:05:00.000Z"},
               "period":{"runs":2016,"succeeded":2016,"failed":0,"planned":0,"freed_bytes":0}}],
  "recent_runs":[{"id":"R1","remedy":"rescue-disk","target":"/var","state":"failed","reason":"nothing to remove",
                  "duration_seconds":2}]})";

TEST(Report, TellsAllItHasInBothForms) {
  const Document page = report_page(kReport);
  for (const std::string& text : {to_html(page), to_markdown(page)}) {
    for (const char* wanted : {"Health report of web-1",
                               "1 finding",
                               "1 alert firing",
                               "load 1.50 on 2 cpus",
                               "swap 512.0 MiB of 1.0 GiB",
                               "chiron remedy approve R7",
                               "by a person",
                               "an update that was installed needs one",
                               "3 of security wait",
                               "HostDiskFull",
                               "1.0 GiB less a day",
                               "2 d",
                               "nginx.service",
                               "db.service",
                               "unhealthy",
                               "rescue-disk",
                               "2016",
                               "only reads",
                               "2026-01-05 09:05 UTC",
                               "nothing to remove",
                               "runs since 2025-12-29 09:00 UTC"}) {
      EXPECT_THAT(text, HasSubstr(wanted));
    }
  }
}

TEST(Report, SaysWhenNothingNeedsAPerson) {
  const std::string text = to_markdown(report_page(R"({"host":{"name":"a"},"findings":[]})"));
  EXPECT_THAT(text, HasSubstr("all is well · 0 alerts firing"));
  EXPECT_THAT(text, HasSubstr("## Needs a person\n\nNothing.\n"));
}

TEST(Report, StandsWhatIsMissingOrOfAnotherType) {
  for (const char* text :
       {"", "null", "[]", R"({"remedies":[3,{"period":[]}],"findings":7,"host":{"filesystems":[{}]}})"}) {
    EXPECT_THAT(to_html(report_page(text)), HasSubstr("</html>")) << text;
  }
}

TEST(Report, NamesNothingFromElsewhere) {
  const std::string html = to_html(report_page(kReport));
  for (const char* text : {"http:", "https:", "src=", "<link", "<script", "url(", "refresh"})
    EXPECT_THAT(html, Not(HasSubstr(text)));
}

TEST(Report, IsBoundedHoweverMuchThereIs) {
  std::string failed;
  for (int i = 0; i < 5000; ++i) failed += (i == 0 ? "\"" : ",\"") + std::string(3000, '<') + '"';
  const std::string html = to_html(report_page(R"({"services":{"failed":[)" + failed + "]}}"));
  EXPECT_LT(html.size(), 400'000U);
  EXPECT_THAT(html, HasSubstr("And 4900 more."));
}

TEST(ReportRequest, TakesWhatPeopleWriteAndSaysWhatIsWrong) {
  const auto usual = parse_report_request("", "");
  ASSERT_TRUE(usual.ok());
  EXPECT_EQ(usual->format, remediation::ReportFormat::markdown);
  EXPECT_EQ(usual->period, remediation::kUsualPeriod);
  const auto given = parse_report_request("html", "24h");
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(given->format, remediation::ReportFormat::html);
  EXPECT_EQ(given->period, std::chrono::hours(24));
  EXPECT_THAT(parse_report_request("pdf", "").error().to_string(), HasSubstr("neither markdown nor html"));
  for (const char* period : {"1m", "100d", "x", "-7d"})
    EXPECT_FALSE(parse_report_request("", period).ok()) << period;
}

}  // namespace
}  // namespace chiron::agent
