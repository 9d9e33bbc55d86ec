#include "agent/host_health.h"

#include "agent/host_door.h"

namespace chiron::agent {
namespace {

using remediation::Amount;
using remediation::HealthFinding;

constexpr Amount kFivePercent{.is_percent = true, .percent = 5};

std::vector<std::string> found(const std::string& status, const Amount& min_free = kFivePercent) {
  std::vector<std::string> all;
  for (const HealthFinding& one : examine(Json::parse(status), min_free))
    all.push_back(one.check + ' ' + one.what);
  return all;
}

TEST(HostHealth, FindsWhatEachCheckIsFor) {
  const std::string status = R"({
    "health":{"problems":[{"what":"sampling","detail":"x"},{"what":"ledger","detail":"x"},
      {"what":"configuration","detail":"x"},{"what":"collector systemd","detail":"no bus"},{"what":"rule A","detail":"x"}]},
    "services":{"failed":["a.service"],"watched":[{"name":"b.service","up":false},{"name":"c.service","up":true}]},
    "host":{"memory_total_bytes":100,"memory_available_bytes":4,
      "filesystems":[{"mountpoint":"/","size_bytes":100,"avail_bytes":4,"inodes_free_ratio":0.01,"readonly":false}]},
    "alerts":[{"name":"Bad","state":"firing","labels":{"severity":"critical"}}],
    "containers":[{"name":"shop","health":"unhealthy"},{"name":"db","health":"healthy"}],
    "probes":[{"probe":"web","success":false,"target":"t"},{"probe":"ok","success":true}],
    "exhausted":[{"remedy":"restart-unit","target":"a.service"}]})";
  EXPECT_THAT(found(status), ::testing::ElementsAre(
                                 "sampling ", "ledger ", "configuration ", "collectors systemd", "rules A",
                                 "units a.service", "services b.service", "disks /", "disks /", "memory ",
                                 "alerts Bad", "containers shop", "probes web", "remedies restart-unit"));
}

TEST(HostHealth, FindsNothingWhereNothingIsWrong) {
  EXPECT_THAT(found(R"({
    "health":{"problems":[]},"services":{"failed":[],"watched":[{"name":"c","up":true}]},
    "host":{"memory_total_bytes":100,"memory_available_bytes":50,
      "filesystems":[{"mountpoint":"/","size_bytes":100,"avail_bytes":6,"inodes_free_ratio":0.5},
                     {"mountpoint":"/snap","size_bytes":100,"avail_bytes":0,"inodes_free_ratio":0,"readonly":true},
                     {"mountpoint":"/proc","size_bytes":0,"avail_bytes":0}]},
    "alerts":[{"name":"P","state":"pending","labels":{"severity":"critical"}},
              {"name":"W","state":"firing","labels":{"severity":"warning"}},
              {"name":"Watchdog","state":"firing","labels":{"severity":"none"}}]})"),
              ::testing::IsEmpty());
  EXPECT_THAT(found("{}"), ::testing::IsEmpty());
}

TEST(HostHealth, TakesAShareOrASizeForADisk) {
  const std::string status =
      R"({"host":{"filesystems":[{"mountpoint":"/","size_bytes":1000,"avail_bytes":100,"inodes_free_ratio":0.001}]}})";
  EXPECT_EQ(found(status, {.bytes = 99}).size(), 0U);
  EXPECT_EQ(found(status, {.bytes = 101}).size(), 1U);
  EXPECT_EQ(found(status, {.is_percent = true, .percent = 11}).size(), 2U) << "its inodes too";
}

TEST(HostDoor, IsShutBeforeAndAfterTheAgent) {
  HostDoor door("/state");
  EXPECT_EQ(door.state_directory(), "/state");
  EXPECT_EQ(door.examine(kFivePercent).error().code(), ErrorCode::unavailable);
  door.close();
  EXPECT_EQ(door.report(remediation::ReportFormat::html, remediation::kUsualPeriod).error().code(),
            ErrorCode::unavailable);
}

}  // namespace
}  // namespace chiron::agent
