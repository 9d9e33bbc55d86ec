// Kernel files, os-release, udev data and text files that say anything at all. The first byte picks who reads
// the rest.
#include "exporter/base/event_log.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/cpu_info.h"
#include "exporter/collectors/cpu_ticks.h"
#include "exporter/collectors/disk_properties.h"
#include "exporter/collectors/link_list.h"
#include "exporter/collectors/mountinfo.h"
#include "exporter/collectors/os_release.h"
#include "exporter/collectors/text_format.h"
#include "tests/fuzz/expect.h"
#include "tests/support/fake_clock.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace chiron::fuzz {
namespace {

/// A procfs with one file, removed at exit.
class FakeProc {
 public:
  FakeProc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chiron-fuzz-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    for (const char* directory : {"net/stat",
                                  "pressure",
                                  "sys/fs",
                                  "1",
                                  "sys/class/thermal/thermal_zone0",
                                  "sys/class/power_supply/BAT0",
                                  "sys/devices/system/cpu/cpu0/cpufreq",
                                  "sys/class/hwmon/hwmon0",
                                  "sys/class/net/eth0",
                                  "sys/fs/xfs/sda/stats",
                                  "sys/class/powercap/intel-rapl:0",
                                  "sys/class/net/bond0/bonding",
                                  "sys/class/dmi/id",
                                  "sys/devices/system/edac/mc/mc0/csrow0",
                                  "sys/fs/btrfs/a-b/devices/sda",
                                  "sys/class/net/eth0/statistics",
                                  "sys/class/net/bond0/lower_eth0",
                                  "sys/class/watchdog/watchdog0",
                                  "sys/class/nvme/nvme0/nvme0n1/queue",
                                  "sys/kernel/random",
                                  "sys/devices/system/clocksource/clocksource0",
                                  "sys/fs/selinux"})
      std::filesystem::create_directories(root_ / directory);
  }
  ~FakeProc() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  /// One pass of a collector over `text`; a bad file may fail it, never more.
  void collect(std::string_view collector, std::string_view file, std::string_view text) const {
    std::ofstream(root_ / file, std::ios::binary | std::ios::trunc) << text;
    const HostPaths paths({.procfs = root_.string(), .sysfs = root_ / "sys", .rootfs = root_ / "root"});
    Catalogue catalogue;
    testing::FakeClock clock;
    PassFiles files(clock);
    const CollectorInfo& info = *find_collector(collector);
    auto made = info.make({.paths = paths,
                           .clock = clock,
                           .catalogue = catalogue,
                           .log = null_log(),
                           .files = files,
                           .options = default_options(info.options),
                           .bus = {},
                           .watched_services = {},
                           .probes = {}});
    expect(made.ok());
    Frame frame;
    const Status first = (*made)->collect(frame);
    const std::size_t size = frame.entries().size();
    frame.clear();
    clock.advance(std::chrono::minutes(1));  // devices are looked for again
    files.begin_pass();
    const Status second = (*made)->collect(frame);
    expect(first.ok() == second.ok());
    // The second pass takes the kept handles; time keeps cpu and filesystem from being compared further.
    if (collector != "filesystem") expect(frame.entries().size() == size);
    std::filesystem::remove(root_ / file);
  }

 private:
  std::filesystem::path root_;
};

void check_text_format(std::string_view text) {
  const auto families = parse_text_format(text, "f");
  if (!families) return;
  Catalogue catalogue;
  for (const TextFamily& family : *families) {
    expect(is_valid_metric_name(family.name));
    expect(!family.samples.empty());
    const auto id = catalogue.family(family.name, family.help, family.type);
    for (const TextSample& sample : family.samples) {
      for (const Label& label : sample.labels) expect(is_valid_label_name(label.name));
      if (id) catalogue.series(*id, sample.labels, sample.suffix);
    }
  }
}

/// Of a message of rtnetlink: whatever it says, names and addresses are within their bounds.
void check_link(std::string_view text) {
  const std::optional<Link> link = parse_link(text);
  if (!link) return;
  expect(link->address.size <= link->address.bytes.size());
  expect(link->address.to_string().size() <= 3 * link->address.bytes.size());
  expect(link->name.find('\0') == std::string::npos);
}

void check_parsers(std::string_view text) {
  Problems problems;
  for (const Mount& mount : parse_mounts(MountTable::mountinfo, text, "f", problems))
    expect(mount.mountpoint.starts_with('/'));
  parse_cpuinfo(text, "f", problems);
  parse_os_release(text, "f", problems);
  version_number(text);
  UdevProperties::parse(text).get("ID_MODEL");
  std::vector<unsigned> cpus;
  parse_cpu_list(text, cpus);
  if (const auto ticks = parse_cpu_ticks(text)) {
    SteadyTicks steady;
    expect(steady.update(*ticks) == *ticks);
  }
}

/// What the first byte of an input stands for.
struct KernelText {
  char key;
  std::string_view collector, file;
};
constexpr KernelText kKernelTexts[] = {
    {'c', "cpu", "stat"},
    {'d', "diskstats", "diskstats"},
    {'l', "loadavg", "loadavg"},
    {'m', "meminfo", "meminfo"},
    {'n', "netdev", "net/dev"},
    {'p', "pressure", "pressure/io"},
    {'s', "stat", "stat"},
    {'v', "vmstat", "vmstat"},
    {'N', "netstat", "net/netstat"},
    {'6', "netstat", "net/snmp6"},
    {'k', "sockstat", "net/sockstat"},
    {'f', "filefd", "sys/fs/file-nr"},
    {'C', "conntrack", "net/stat/nf_conntrack"},
    {'S', "schedstat", "schedstat"},
    {'q', "softnet", "net/softnet_stat"},
    {'a', "arp", "net/arp"},
    {'T', "tcpstat", "net/tcp"},
    {'U', "udp_queues", "net/udp"},
    {'P', "processes", "1/stat"},
    {'z', "thermal_zone", "sys/class/thermal/thermal_zone0/temp"},
    {'Z', "thermal_zone", "sys/class/thermal/thermal_zone0/type"},
    {'b', "powersupplyclass", "sys/class/power_supply/BAT0/status"},
    {'g', "cpufreq", "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"},
    {'o', "cpufreq", "sys/devices/system/cpu/offline"},
    {'h', "hwmon", "sys/class/hwmon/hwmon0/temp1_input"},
    {'H', "hwmon", "sys/class/hwmon/hwmon0/name"},
    {'e', "netclass", "sys/class/net/eth0/flags"},
    {'x', "xfs", "sys/fs/xfs/sda/stats/stats"},
    {'r', "rapl", "sys/class/powercap/intel-rapl:0/name"},
    {'B', "bonding", "sys/class/net/bonding_masters"},
    {'D', "dmi", "sys/class/dmi/id/product_name"},
    {'E', "edac", "sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count"},
    {'F', "btrfs", "sys/fs/btrfs/a-b/commit_stats"},
    {'M', "mdadm", "mdstat"},
    {'I', "interrupts", "interrupts"},
    {'i', "bonding", "sys/class/net/bond0/bonding/slaves"},
    {'w', "watchdog", "sys/class/watchdog/watchdog0/timeleft"},
    {'W', "watchdog", "sys/class/watchdog/watchdog0/identity"},
    {'V', "nvme", "sys/class/nvme/nvme0/nvme0n1/queue/logical_block_size"},
    {'y', "entropy", "sys/kernel/random/entropy_avail"},
    {'Y', "time", "sys/devices/system/clocksource/clocksource0/available_clocksource"},
};

}  // namespace
}  // namespace chiron::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chiron::fuzz;
  static const FakeProc proc;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  for (const KernelText& one : kKernelTexts) {
    if (data[0] != one.key) continue;
    proc.collect(one.collector, one.file, text);
    return 0;
  }
  if (data[0] == 't') {
    check_text_format(text);
  } else if (data[0] == 'L') {
    check_link(text);
  } else {
    check_parsers(text);
  }
  return 0;
}
