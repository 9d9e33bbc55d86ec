// diskstats, netdev, arp, uname, os, time, timex, self.
#include "exporter/collectors/os_release.h"
#include "exporter/collectors/timex.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <cerrno>
#include <cstdlib>

#include <sys/timex.h>
#include <unistd.h>

namespace chiron {
namespace {

using testing::HostFixture;

class DeviceCollectors : public HostFixture {};

TEST_F(DeviceCollectors, DiskstatsFigures) {
  proc("diskstats",
       "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
       "   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11\n"
       " 254       0 vda 32227 9093 3160978 18653 33328 11379 5365888 15489 2 14008 34584 6530 1 292848 365 "
       "2871 76\n"
       "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
  make("diskstats");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_disk_reads_completed_total{device="vda"} 32227)"));
  EXPECT_TRUE(has(R"(node_disk_read_bytes_total{device="vda"} 1618420736)"));
  EXPECT_TRUE(has(R"(node_disk_read_time_seconds_total{device="vda"} 18.653)"));
  EXPECT_TRUE(has(R"(node_disk_io_now{device="vda"} 2)"));
  EXPECT_TRUE(has(R"(node_disk_io_time_weighted_seconds_total{device="vda"} 34.584)"));
  EXPECT_TRUE(has(R"(node_disk_discarded_sectors_total{device="vda"} 292848)"));
  EXPECT_TRUE(has(R"(node_disk_flush_requests_time_seconds_total{device="vda"} 0.076)"));
  EXPECT_TRUE(has(R"(node_disk_info{device="sda",major="8",minor="0"} 1)"));
  EXPECT_FALSE(mentions("sda1"));
  EXPECT_FALSE(mentions("loop0"));
  EXPECT_EQ(frame_.entries().size(), 18u + 12u);
}

TEST_F(DeviceCollectors, DiskIdentityFromUdev) {
  proc("diskstats", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
  sys("block/sda/queue/rotational", "1\n");
  root("run/udev/data/b8:0",
       "S:disk/by-id/"
       "x\nE:ID_MODEL=Disk_X\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=abc\nE:ID_PATH=pci-0\nE:ID_WWN=0x5\n"
       "E:ID_REVISION=1.0\nE:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=u-1\nE:ID_FS_VERSION=1."
       "0\n"
       "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_ROTATION_RATE_RPM=7200\nE:DM_NAME=vg-lv\nE:DM_VG_NAME="
       "vg\n");
  make("diskstats");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(
      has(R"(node_disk_info{device="sda",major="8",minor="0",model="Disk_X",path="pci-0",revision="1.0",)"
          R"(rotational="1",serial="abc",wwn="0x5"} 1)"));
  EXPECT_TRUE(has(
      R"(node_disk_filesystem_info{device="sda",type="ext4",usage="filesystem",uuid="u-1",version="1.0"} 1)"));
  EXPECT_TRUE(has(R"(node_disk_device_mapper_info{device="sda",name="vg-lv",vg_name="vg"} 1)"));
  EXPECT_TRUE(has(R"(node_disk_ata_write_cache{device="sda"} 1)"));
  EXPECT_TRUE(has(R"(node_disk_ata_rotation_rate_rpm{device="sda"} 7200)"));
  EXPECT_FALSE(mentions("write_cache_enabled"));
}

TEST_F(DeviceCollectors, DiskstatsNoticesANewFileSystemWithinAMinute) {
  proc("diskstats", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
  make("diskstats");
  ASSERT_TRUE(collect().ok());
  root("run/udev/data/b8:0", "E:ID_FS_TYPE=xfs\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions(R"(type="xfs")"));
  clock_.advance(std::chrono::minutes(1));
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(type="xfs")"));
}

TEST_F(DeviceCollectors, DiskstatsBadLines) {
  proc(
      "diskstats",
      "8 0 sda 1 2 3\nx 0 sdb 1 2\n8 16 sdc 1 2 3 4 5 6 7 8 9 10 eleven\n8 32 sdd 1 2 3 4 5 6 7 8 9 10 11\n");
  option("device-include", {"^sd"});
  make("diskstats");
  expect_failure("3 problems, the first: ");
  EXPECT_EQ(frame_.entries().size(), 12u);
  make("diskstats");
  expect_failure("diskstats:1: ");
}

constexpr std::string_view kNetHeader =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
    "carrier "
    "compressed\n";

TEST_F(DeviceCollectors, NetdevFigures) {
  proc("net/dev", std::string(kNetHeader) +
                      "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:135188164 0 0 0 0 0 0 0 "
                      "159557 0 0 0 0 0 0 0\n");
  option("device-exclude", {"^nothing$"});
  make("netdev");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_network_receive_bytes_total{device="eth0"} 135188164)"));
  EXPECT_TRUE(has(R"(node_network_transmit_bytes_total{device="eth0"} 159557)"));
  EXPECT_TRUE(has(R"(node_network_receive_multicast_total{device="lo"} 8)"));
  EXPECT_TRUE(has(R"(node_network_transmit_compressed_total{device="lo"} 16)"));
  EXPECT_EQ(frame_.entries().size(), 32u);
}

TEST_F(DeviceCollectors, NetdevPacketsThatNobodyHandled) {
  constexpr std::string_view kNohandler = "class/net/eth1/statistics/rx_nohandler";
  proc("net/dev", std::string(kNetHeader) +
                      "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                      "eth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  sys(kNohandler, "7\n");
  make("netdev");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_network_receive_nohandler_total{device="eth1"} 7)"));
  EXPECT_EQ(frame_.entries().size(), 33u);
  sys(kNohandler, "many\n");
  expect_failure("rx_nohandler:1: expected a number, found 'many'");
  EXPECT_EQ(frame_.entries().size(), 32u);
  forget_everything();
  make("netdev");
  sys(kNohandler, "8\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_network_receive_nohandler_total{device="eth1"} 8)"));
}

TEST_F(DeviceCollectors, NetdevIncludeAndBadLines) {
  proc("net/dev", std::string(kNetHeader) +
                      "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0: 1 2\neth1 7\n"
                      "eth2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  option("device-include", {"^eth"});
  make("netdev");
  expect_failure("2 problems, the first: ");
  EXPECT_EQ(frame_.entries().size(), 16u);
  proc("net/dev", "");
  expect_failure("net/dev:1: expected two lines of headings");
}

TEST_F(DeviceCollectors, UnameOfACapturedHost) {
  proc("sys/kernel/ostype", "Linux\n");
  proc("sys/kernel/osrelease", "6.1.0\n");
  proc("sys/kernel/version", "#1 SMP\n");
  proc("sys/kernel/hostname", "web-1\n");
  proc("sys/kernel/domainname", "(none)\n");
  proc("sys/kernel/arch", "riscv64\n");
  make("uname");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(
      has(R"~(node_uname_info{domainname="(none)",machine="riscv64",nodename="web-1",release="6.1.0",)~"
          R"(sysname="Linux",version="#1 SMP"} 1)"));
  proc("sys/kernel/hostname", "web-2\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(nodename="web-2")"));
  EXPECT_EQ(frame_.entries().size(), 1u);
}

TEST_F(DeviceCollectors, UnameOfThisHost) {
  make("uname");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(mentions(R"(sysname="Linux")"));
}

TEST_F(DeviceCollectors, OsReleaseFromEitherPlace) {
  root("usr/lib/os-release",
       "# comment\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12.04.5\"\nID=debian\nPRETTY_NAME='It is \"12\"'\n"
       "VERSION=\"12 (\\\"bookworm\\\")\"\n");
  make("os");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_os_version{id="debian",name="Debian GNU/Linux"} 12.04)"));
  EXPECT_TRUE(
      has("node_os_info{id=\"debian\",name=\"Debian GNU/Linux\",pretty_name=\"It is \\\"12\\\"\","
          "version=\"12 (\\\"bookworm\\\")\",version_id=\"12.04.5\"} 1"));
  root("etc/os-release", "ID=arch\nNAME=\"open\nVERSION_ID=rolling\n");
  expect_failure("etc/os-release:2: ");
  EXPECT_EQ(lines(), std::vector<std::string>{R"(node_os_info{id="arch",version_id="rolling"} 1)"});
}

TEST_F(DeviceCollectors, OsReleaseMissing) {
  make("os");
  expect_failure("etc/os-release");
}

TEST(OsRelease, VersionNumber) {
  EXPECT_EQ(version_number("12"), 12);
  EXPECT_EQ(version_number("7."), 7);
  EXPECT_EQ(version_number("20.04.1 LTS"), 20.04);
  EXPECT_EQ(version_number("rolling"), std::nullopt);
  EXPECT_EQ(version_number(""), std::nullopt);
}

TEST_F(DeviceCollectors, TimeAndClockSources) {
  sys("devices/system/clocksource/clocksource0/available_clocksource", "tsc kvm-clock \n");
  sys("devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  make("time");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("node_time_seconds 1.7e+09"));
  EXPECT_TRUE(mentions("node_time_zone_offset_seconds{time_zone="));
  EXPECT_TRUE(has(R"(node_time_clocksource_available_info{clocksource="kvm-clock",device="0"} 1)"));
  EXPECT_TRUE(has(R"(node_time_clocksource_current_info{clocksource="tsc",device="0"} 1)"));
  clock_.advance(std::chrono::milliseconds(1500));
  sys("devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("node_time_seconds 1700000001.5"));
  EXPECT_TRUE(has(R"(node_time_clocksource_current_info{clocksource="kvm-clock",device="0"} 1)"));
  EXPECT_EQ(frame_.entries().size(), 5u);
  sys("devices/system/clocksource/clocksource0/current_clocksource", "");
  expect_failure("current_clocksource:1");
}

constexpr std::string_view kArpHeadings =
    "IP address       HW type     Flags       HW address            Mask     Device\n";

TEST_F(DeviceCollectors, ArpEntriesPerDevice) {
  const std::string headings(kArpHeadings);
  const std::string gateway =
      "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n";
  const std::string other = "192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n";
  const std::string guest =
      "172.17.0.2       0x1         0x2         02:42:ac:11:00:02     *        docker0\n";
  proc("net/arp", headings + gateway + guest + other);
  make("arp");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{R"(node_arp_entries{device="docker0"} 1)",
                                               R"(node_arp_entries{device="eth0"} 2)"}));
  proc("net/arp", headings + gateway);
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), std::vector<std::string>{R"(node_arp_entries{device="eth0"} 1)"});
  forget_everything();
  proc("net/arp", headings + guest);
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), std::vector<std::string>{R"(node_arp_entries{device="docker0"} 1)"});
  proc("net/arp", headings);
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(frame_.entries().empty());
  option("device-exclude", {"^docker"});
  make("arp");
  proc("net/arp", headings + gateway + guest);
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), std::vector<std::string>{R"(node_arp_entries{device="eth0"} 1)"});
}

TEST_F(DeviceCollectors, ArpBadFiles) {
  make("arp");
  expect_no_data();
  proc("net/arp",
       std::string(kArpHeadings) + "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 *\n192.0.2.2 0x1 0x2 02:fc * eth0\n");
  expect_failure("net/arp:2: expected 'ADDRESS TYPE");
  EXPECT_EQ(lines(), std::vector<std::string>{R"(node_arp_entries{device="eth0"} 1)"});
  proc("net/arp", std::string(kArpHeadings) + "192.0.2.2 0x1 0x2 02:fc * eth0\n192.0");
  expect_failure("net/arp:3: expected 'ADDRESS TYPE");
  proc("net/arp", "nonsense\n");
  expect_failure("net/arp:1: expected a line of headings");
  proc("net/arp", "");
  expect_failure("net/arp:1: expected a line of headings");
}

int disciplined(::timex* clock) {
  *clock = {};
  clock->status = STA_PLL | STA_NANO;
  clock->offset = -250'000;
  clock->freq = 65'536'000;  // 1000 parts per million
  clock->maxerror = 16'000'000;
  clock->esterror = 500;
  clock->constant = 7;
  clock->tick = 10'000;
  clock->jitter = 3;
  clock->shift = 4;
  clock->errcnt = 5;
  clock->tai = 37;
  return TIME_OK;
}
int adrift(::timex* clock) {
  *clock = {};
  clock->status = STA_UNSYNC;
  clock->offset = 250'000;
  return TIME_ERROR;
}
int forbidden(::timex*) {
  errno = EPERM;
  return -1;
}
int faulty(::timex*) {
  errno = EFAULT;
  return -1;
}

TEST_F(DeviceCollectors, TimexFigures) {
  const CollectorInfo& info = *find_collector("timex");
  collector_ = *make_timex_collector(context(info), disciplined);
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("node_timex_sync_status 1"));
  EXPECT_TRUE(has("node_timex_offset_seconds -0.00025"));
  EXPECT_TRUE(has("node_timex_frequency_adjustment_ratio 1.001"));
  EXPECT_TRUE(has("node_timex_maxerror_seconds 16"));
  EXPECT_TRUE(has("node_timex_estimated_error_seconds 5e-04"));
  EXPECT_TRUE(has("node_timex_status 8193"));
  EXPECT_TRUE(has("node_timex_loop_time_constant 7"));
  EXPECT_TRUE(has("node_timex_tick_seconds 0.01"));
  EXPECT_TRUE(has("node_timex_pps_jitter_seconds 3e-09"));
  EXPECT_TRUE(has("node_timex_pps_shift_seconds 4"));
  EXPECT_TRUE(has("node_timex_pps_error_total 5"));
  EXPECT_TRUE(has("node_timex_tai_offset_seconds 37"));
  EXPECT_EQ(frame_.entries().size(), 17u);
  collector_ = *make_timex_collector(context(info), adrift);
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("node_timex_sync_status 0"));
  EXPECT_TRUE(has("node_timex_offset_seconds 0.25"));
  collector_ = *make_timex_collector(context(info), forbidden);
  expect_no_data();
  collector_ = *make_timex_collector(context(info), faulty);
  expect_failure("adjtimex");
}

TEST_F(DeviceCollectors, SelfIsThisProcessWhateverTheRoots) {
  make("self");
  ASSERT_TRUE(collect().ok());
  ASSERT_TRUE(collect().ok());  // with the files that it keeps open
  const auto value = [this](std::string_view name) {
    for (const FrameEntry& entry : frame_.entries()) {
      if (catalogue_.prefix(entry.id) == std::string(name) + " ") return entry.value;
    }
    return -1.0;
  };
  EXPECT_GT(value("process_cpu_seconds_total"), 0);
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  EXPECT_GT(value("process_virtual_memory_max_bytes"), 0);
  EXPECT_GE(value("process_threads"), 1);
  EXPECT_GT(value("process_start_time_seconds"), 1.5e9);
  const double open = value("process_open_fds");
  EXPECT_GE(open, 3);
  EXPECT_GE(value("process_max_fds"), open);
  const int copy = ::dup(0);
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(value("process_open_fds"), open + 1);
  ::close(copy);
}

}  // namespace
}  // namespace chiron
