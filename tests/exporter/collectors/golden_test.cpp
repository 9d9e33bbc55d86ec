// Every host collector over captured machines, tests/fixtures/*, against the pages they must give.
// CHIRON_UPDATE_GOLDEN=1 writes that page anew: read the difference before committing it.
#include "exporter/collectors/filesystem.h"
#include "exporter/series/exposition.h"
#include "tests/support/collector_world.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

namespace chiron {
namespace {

const std::string kFixtures = CHIRON_SOURCE_DIR "/tests/fixtures/";

class Golden : public ::testing::Test, protected testing::CollectorWorld {
 protected:
  explicit Golden(const char* host = "vm") : host_(kFixtures + host) {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
  }

  CollectorContext context(const CollectorInfo& info) {
    CollectorContext context = default_context(paths_, info);
    if (info.name == "textfile") context.options.set("directory", {host_ + "/textfile"});
    return context;
  }

  void collect(std::string_view name) {
    const CollectorInfo& info = *find_collector(name);
    // The tree has no file systems to ask.
    auto made = name == "filesystem" ? make_filesystem_collector(context(info), ask, std::chrono::seconds(10))
                                     : info.make(context(info));
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    const Status status = (*made)->collect(frame_);
    EXPECT_TRUE(status.ok()) << name << ": " << status.error().to_string();
  }

  static int ask(const std::string& path, MountUsage& usage) {
    if (path.ends_with("/mnt/backup")) return EACCES;
    usage = {.size = 21e9, .free = 9e9, .available = 8e9, .files = 1'310'720, .files_free = 1'200'000};
    return 0;
  }

  std::string page() const {
    std::string all;
    ExpositionLayout(catalogue_, frame_.entries()).render(PageFormat::text, frame_.entries(), all);
    std::istringstream in(all);
    std::string out, line;
    while (std::getline(in, line)) {
      // The one series that depends on where the source tree lies and when it was checked out.
      if (line.starts_with("node_textfile_mtime_seconds{")) continue;
      if (const std::size_t at = line.find(host_); at != std::string::npos) line.erase(at, host_.size());
      out += line + '\n';
    }
    return out;
  }

  void expect_golden() const {
    const std::string golden = host_ + "/metrics.txt";
    const std::string got = page();
    if (std::getenv("CHIRON_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << got;
    std::ifstream file(golden);
    const std::string wanted((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(got, wanted);
  }

  const std::string host_;
  HostPaths paths_{{.procfs = host_ + "/proc", .sysfs = host_ + "/sys", .rootfs = host_ + "/root"}};
  Frame frame_;
};

TEST_F(Golden, TheCapturedHostGivesThisPage) {
  for (const char* name :
       {"arp",        "conntrack",  "cpu",      "diskstats", "entropy", "filefd",  "filesystem",
        "interrupts", "loadavg",    "meminfo",  "netdev",    "netstat", "os",      "pressure",
        "processes",  "schedstat",  "sockstat", "softnet",   "stat",    "tcpstat", "textfile",
        "time",       "udp_queues", "uname",    "vmstat"}) {
    collect(name);
  }
  expect_golden();
}

class GoldenBareMetal : public Golden {
 protected:
  GoldenBareMetal() : Golden("bare_metal") {}
};

TEST_F(GoldenBareMetal, ServerWithRaidAndSensorsGivesThisPage) {
  for (const char* name : {"bonding", "btrfs", "cpufreq", "dmi", "edac", "hwmon", "mdadm", "netclass", "nvme",
                           "powersupplyclass", "rapl", "selinux", "thermal_zone", "watchdog", "xfs"}) {
    collect(name);
  }
  expect_golden();
}

}  // namespace
}  // namespace chiron
