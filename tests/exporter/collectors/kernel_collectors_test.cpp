// cpu, stat, loadavg, meminfo, pressure, schedstat, softnet: one kernel file each.
#include "exporter/collectors/cpu_info.h"
#include "exporter/collectors/cpu_ticks.h"
#include "exporter/collectors/kernel_text.h"
#include "tests/exporter/collectors/host_fixture.h"

namespace chiron {
namespace {

using testing::HostFixture;

class KernelCollectors : public HostFixture {};

constexpr std::string_view kStat =
    "cpu  30 0 3 100 1 0 1 4 0 0\n"
    "cpu0 1010 20 330 5000 40 5 6 77 8 9\n"
    "cpu1 1 2 3 4 5 6 7 8 9 10\n"
    "intr 316949 0 7 9\n"
    "ctxt 487684\n"
    "btime 1795219330\n"
    "processes 9082\n"
    "procs_running 3\n"
    "procs_blocked 1\n"
    "softirq 190411 1 22001 4 4682 64227 0 3 58335 2 41159\n";

TEST_F(KernelCollectors, CpuTimePerCpuAndMode) {
  proc("stat", kStat);
  make("cpu");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_cpu_seconds_total{cpu="0",mode="user"} 10.1)"));
  EXPECT_TRUE(has(R"(node_cpu_seconds_total{cpu="0",mode="steal"} 0.77)"));
  EXPECT_TRUE(has(R"(node_cpu_seconds_total{cpu="1",mode="softirq"} 0.07)"));
  EXPECT_TRUE(has(R"(node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.09)"));
  EXPECT_EQ(frame_.entries().size(), 20u);
}

TEST_F(KernelCollectors, CpuWithoutGuestsWithIsolatedOnes) {
  proc("stat", kStat);
  sys("devices/system/cpu/isolated", "1,4-5\n");
  option("guest", {"false"});
  make("cpu");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions("guest"));
  EXPECT_TRUE(has(R"(node_cpu_isolated{cpu="4"} 1)"));
  EXPECT_EQ(frame_.entries().size(), 19u);
}

TEST_F(KernelCollectors, CpuThatGoesAwayTakesItsSeriesAlong) {
  proc("stat", kStat);
  make("cpu");
  ASSERT_TRUE(collect().ok());
  proc("stat", "cpu  1 2 3 4\ncpu1 1 2 3 4 5 6 7 8 9 10\nintr 1\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions(R"(cpu="0")"));
  EXPECT_EQ(frame_.entries().size(), 10u);
}

TEST_F(KernelCollectors, CpuThrottlesOncePerCoreAndPackage) {
  proc("stat", kStat);
  for (const char* cpu : {"cpu0", "cpu1"}) {
    const std::string base = std::string("devices/system/cpu/") + cpu;
    sys(base + "/topology/physical_package_id", "0\n");
    sys(base + "/topology/core_id", "3\n");
    sys(base + "/thermal_throttle/core_throttle_count", "12\n");
    sys(base + "/thermal_throttle/package_throttle_count", "34\n");
  }
  make("cpu");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_cpu_core_throttles_total{core="3",package="0"} 12)"));
  EXPECT_TRUE(has(R"(node_cpu_package_throttles_total{package="0"} 34)"));
  EXPECT_EQ(frame_.entries().size(), 22u);
  sys("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "hot\n");
  expect_failure("cpu0/thermal_throttle/core_throttle_count:1");
  EXPECT_EQ(frame_.entries().size(), 21u);
}

TEST_F(KernelCollectors, CpuInfoOnDemand) {
  proc("stat", kStat);
  proc(
      "cpuinfo",
      "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: Xeon \"X\"\n"
      "stepping\t: 8\nmicrocode\t: 0x1\ncache size\t: 512 KB\nphysical id\t: 0\ncore id\t\t: 1\n"
      "flags\t\t: fpu aes avx2\nbugs\t\t: swapgs taa\n\n");
  option("info.flags-include", {"^(aes|avx.?)$"});
  option("info.bugs-include", {"taa"});
  make("cpu");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(
      has(R"(node_cpu_info{cachesize="512 KB",core="1",cpu="0",family="6",microcode="0x1",model="167",)"
          R"(model_name="Xeon \"X\"",package="0",stepping="8",vendor="GenuineIntel"} 1)"));
  EXPECT_TRUE(has(R"(node_cpu_flag_info{flag="aes"} 1)"));
  EXPECT_TRUE(has(R"(node_cpu_flag_info{flag="avx2"} 1)"));
  EXPECT_TRUE(has(R"(node_cpu_bug_info{bug="taa"} 1)"));
  EXPECT_FALSE(mentions("fpu"));
  EXPECT_FALSE(mentions("swapgs"));
}

TEST_F(KernelCollectors, CpuKeepsWhatItUnderstoodAndNamesTheRest) {
  proc("stat", "cpu  1 2 3 4\ncpu0 1 x 3 4 5\ncpu1 1 2 3 4 5 6 7 8 9 10\ncpu2 1 2");
  make("cpu");
  expect_failure("2 problems, the first: ");
  expect_failure("stat:2: expected 'cpuN' and its ticks, found 'cpu0 1 x 3 4 5'");
  EXPECT_EQ(frame_.entries().size(), 10u);
  EXPECT_TRUE(mentions(R"(cpu="1")"));
  proc("stat", "cpu  1 2 3 4\ncpu0 1 x 3 4 5\n");
  expect_failure("stat:2: ");
  proc("stat", "nonsense\n");
  expect_failure("stat");
}

TEST_F(KernelCollectors, CpuSaysThatItsFileIsMissing) {
  make("cpu");
  expect_failure("proc/stat");
  EXPECT_TRUE(frame_.entries().empty());
}

TEST(SteadyTicks, DoesNotGoBackUnlessTheCpuWasTakenAway) {
  SteadyTicks ticks;
  ticks.update({100, 0, 0, 1000, 50});
  EXPECT_EQ(ticks.update({101, 0, 0, 999, 49}), (CpuTicks{101, 0, 0, 1000, 50}));
  EXPECT_EQ(ticks.update({5, 0, 0, 10, 1}), (CpuTicks{5, 0, 0, 10, 1}));
}

TEST(CpuList, ReadsRangesAndRefusesNonsense) {
  std::vector<unsigned> cpus;
  EXPECT_TRUE(parse_cpu_list("0-2,5\n", cpus));
  EXPECT_EQ(cpus, (std::vector<unsigned>{0, 1, 2, 5}));
  EXPECT_TRUE(parse_cpu_list("\n", cpus));
  for (const char* bad : {"3-1", "a", "1-", "0-4294967295", "1,,x"})
    EXPECT_FALSE(parse_cpu_list(bad, cpus)) << bad;
}

TEST_F(KernelCollectors, StatFigures) {
  proc("stat", kStat);
  make("stat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{"node_boot_time_seconds 1795219330",
                                               "node_context_switches_total 487684", "node_forks_total 9082",
                                               "node_intr_total 316949", "node_procs_blocked 1",
                                               "node_procs_running 3"}));
}

TEST_F(KernelCollectors, StatSoftInterruptsOnDemand) {
  proc("stat", kStat);
  option("softirq", {"true"});
  make("stat");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_softirqs_total{vector="hi"} 1)"));
  EXPECT_TRUE(has(R"(node_softirqs_total{vector="rcu"} 41159)"));
  EXPECT_EQ(frame_.entries().size(), 16u);
}

TEST_F(KernelCollectors, StatBadFiles) {
  proc("stat", "intr many\nctxt 5\nbtime 1\nprocesses -1\nprocs_running 3\nprocs_blocked 1\n");
  make("stat");
  expect_failure("stat:1: expected a number, found 'many'");
  EXPECT_EQ(frame_.entries().size(), 4u);
  proc("stat", "ctxt 5\n");
  expect_failure("stat: expected intr");
  EXPECT_EQ(frame_.entries().size(), 1u);
}

TEST_F(KernelCollectors, Loadavg) {
  proc("loadavg", "0.35 1.31 18.2 2/100 999\n");
  make("loadavg");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{"node_load1 0.35", "node_load15 18.2", "node_load5 1.31"}));
  proc("loadavg", "0.35 high 18.2\n");
  expect_failure("loadavg:1: expected a load average, found 'high'");
  EXPECT_EQ(frame_.entries().size(), 1u);
  proc("loadavg", "0.35 1.3");
  expect_failure("loadavg:1: expected a load average, found ''");
  EXPECT_EQ(frame_.entries().size(), 2u);
  proc("loadavg", "0.35 1.31 18.2 2/100 999");
  EXPECT_TRUE(collect().ok()) << "a captured file may lack its last newline";
}

TEST_F(KernelCollectors, MeminfoNamesAndUnits) {
  proc("meminfo", "MemTotal:       24684084 kB\nActive(anon):       1012 kB\nHugePages_Total:       3\n");
  make("meminfo");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{"node_memory_Active_anon_bytes 1036288",
                                               "node_memory_HugePages_Total 3",
                                               "node_memory_MemTotal_bytes 25276502016"}));
}

TEST_F(KernelCollectors, MeminfoGoesOnAfterABadLine) {
  proc("meminfo", "MemTotal: 1 MB\nMemFree: 2 kB\nno colon\nBuffers: -3 kB\nCached: 4 kB more\nShmem: 1 k");
  make("meminfo");
  expect_failure("5 problems, the first: ");
  EXPECT_EQ(lines(), std::vector<std::string>{"node_memory_MemFree_bytes 2048"});
  proc("meminfo", "");
  expect_failure("meminfo");
}

TEST_F(KernelCollectors, Pressure) {
  proc("pressure/cpu",
       "some avg10=0.04 avg60=0.66 avg300=1.52 total=21222269\nfull avg10=0 avg60=0 avg300=0 total=7\n");
  proc("pressure/io",
       "some avg10=0.00 avg60=0.01 avg300=0.06 total=8894667\nfull avg10=0 avg60=0 avg300=0 total=8571014\n");
  make("pressure");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{"node_pressure_cpu_waiting_seconds_total 21.222269",
                                               "node_pressure_io_stalled_seconds_total 8.571014",
                                               "node_pressure_io_waiting_seconds_total 8.894667"}));
  proc("pressure/io", "some avg10=0.00 total=x\n");
  expect_failure("pressure/io:1: expected total=MICROSECONDS");
  EXPECT_EQ(frame_.entries().size(), 1u);
}

TEST_F(KernelCollectors, PressureIsNoFailureOnAKernelWithoutIt) {
  make("pressure");
  expect_no_data();
}

TEST_F(KernelCollectors, Schedstat) {
  proc("schedstat",
       "version 17\ntimestamp 4294937296\n"
       "cpu0 0 0 0 0 0 0 8187156040 1250000000 9082\ndomain0 MC 3 1 2 3\n"
       "cpu1 0 0 0 0 0 0 2500000000 1 2\n");
  make("schedstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (std::vector<std::string>{R"(node_schedstat_running_seconds_total{cpu="0"} 8.18715604)",
                                               R"(node_schedstat_running_seconds_total{cpu="1"} 2.5)",
                                               R"(node_schedstat_timeslices_total{cpu="0"} 9082)",
                                               R"(node_schedstat_timeslices_total{cpu="1"} 2)",
                                               R"(node_schedstat_waiting_seconds_total{cpu="0"} 1.25)",
                                               R"(node_schedstat_waiting_seconds_total{cpu="1"} 1e-09)"}));
}

TEST_F(KernelCollectors, SchedstatBadFiles) {
  make("schedstat");
  expect_no_data();
  proc("schedstat", "version 17\ncpu0 0 0 0 0 0 0 1 2\ncpux 0 0 0 0 0 0 1 2 3\ncpu2 0 0 0 0 0 0 1 2 3\n");
  expect_failure("2 problems, the first: ");
  expect_failure("schedstat:2: expected 'cpuN' and nine numbers");
  EXPECT_EQ(frame_.entries().size(), 3u);
  proc("schedstat", "cpu0 0 0 0 0 0 0 1 2 3\ncpu1 0 0");
  expect_failure("schedstat:2: expected 'cpuN' and nine numbers");
  EXPECT_EQ(frame_.entries().size(), 3u);
  proc("schedstat", "version 17\n");
  expect_failure("schedstat: expected lines");
}

TEST_F(KernelCollectors, SoftnetPerCpu) {
  proc("net/softnet_stat",
       "00004130 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000005 "
       "0000000a "
       "00000000 00000000 00000000\n"
       "00006b08 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
       "00000000 "
       "0000000b 00000000 00000000\n");
  make("softnet");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_softnet_processed_total{cpu="0"} 16688)"));
  EXPECT_TRUE(has(R"(node_softnet_dropped_total{cpu="0"} 1)"));
  EXPECT_TRUE(has(R"(node_softnet_times_squeezed_total{cpu="0"} 2)"));
  EXPECT_TRUE(has(R"(node_softnet_cpu_collision_total{cpu="0"} 3)"));
  EXPECT_TRUE(has(R"(node_softnet_received_rps_total{cpu="0"} 4)"));
  EXPECT_TRUE(has(R"(node_softnet_flow_limit_count_total{cpu="0"} 5)"));
  EXPECT_TRUE(has(R"(node_softnet_backlog_len{cpu="0"} 10)"));
  EXPECT_TRUE(has(R"(node_softnet_processed_total{cpu="11"} 27400)"));
  EXPECT_EQ(frame_.entries().size(), 14u);
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().front().id)).type, MetricType::counter);
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().back().id)).type, MetricType::gauge);
}

TEST_F(KernelCollectors, SoftnetOfAnOlderKernel) {
  proc("net/softnet_stat", "1 0 0 0 0 0 0 0 0 0 0\n2 0 0 0 0 0 0 0 0\n");
  make("softnet");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_softnet_processed_total{cpu="1"} 2)"));
  EXPECT_FALSE(mentions("backlog"));
  EXPECT_FALSE(mentions(R"(received_rps_total{cpu="1"})"));
  EXPECT_EQ(frame_.entries().size(), 6u + 4u);
}

TEST_F(KernelCollectors, SoftnetBadFiles) {
  make("softnet");
  expect_no_data();
  proc("net/softnet_stat", "1 0 0 0 0 0 0 0\n2 0 0 0 0 0 0 0 0\n3 0 0 packets 0 0 0 0 0\n");
  expect_failure("2 problems, the first: ");
  expect_failure("net/softnet_stat:1: expected nine numbers or more");
  EXPECT_EQ(frame_.entries().size(), 4u);
  proc("net/softnet_stat", "2 0 0 0 0 0 0 0 0\n3 0");
  expect_failure("net/softnet_stat:2: expected nine numbers or more");
  EXPECT_EQ(frame_.entries().size(), 4u);
  proc("net/softnet_stat", "");
  expect_failure("net/softnet_stat: expected a line of numbers for each CPU");
}

TEST(KernelLines, TheLastLineOfACapturedFileMayLackItsNewline) {
  Problems problems;
  KernelLines lines("a\nb\nlast", "file", problems);
  std::string_view line;
  std::vector<std::string_view> all;
  while (lines.next(line)) all.push_back(line);
  EXPECT_EQ(all, (std::vector<std::string_view>{"a", "b", "last"}));
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace chiron
