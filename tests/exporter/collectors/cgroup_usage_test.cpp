#include "exporter/collectors/cgroup_usage.h"

#include "tests/support/temp_dir.h"

namespace chiron {
namespace {

constexpr const char* kId = "4f1a5b0e8f1d4c3b9a7e6d5c4b3a29180f1e2d3c4b5a69788796a5b4c3d2e1f0";

class CgroupUsageTest : public ::testing::Test {
 protected:
  Result<CgroupUsage> usage(std::string_view cgroup_file) {
    Result<CgroupPlace> place = find_cgroup(paths_, cgroup_file, kId);
    if (!place.ok()) return std::move(place).error();
    place_ = *place;
    reader_.emplace(place_);
    return read();
  }
  Result<CgroupUsage> read(CgroupReader::Scope scope = CgroupReader::Scope::limits, bool keep = true) {
    const Result<const CgroupUsage*> usage = reader_->read(scope, keep);
    if (!usage.ok()) return usage.error();
    return **usage;
  }
  void write_v1(const std::string& group) {
    root_.write("sys/fs/cgroup/cpu,cpuacct" + group + "/cpuacct.usage", "1500000000\n");
    root_.write("sys/fs/cgroup/memory" + group + "/memory.usage_in_bytes", "8192000\n");
    root_.write("sys/fs/cgroup/memory" + group + "/memory.limit_in_bytes", "9223372036854771712\n");
    root_.write("sys/fs/cgroup/memory" + group + "/memory.stat",
                "cache 100\ninactive_file 1\ntotal_cache 100\ntotal_inactive_file 192000\n");
  }
  void write_v2(const std::string& group) {
    root_.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    root_.write("sys/fs/cgroup" + group + "/cpu.stat", "usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n");
    root_.write("sys/fs/cgroup" + group + "/memory.current", "1000\n");
    root_.write("sys/fs/cgroup" + group + "/memory.max", "max\n");
    root_.write("sys/fs/cgroup" + group + "/memory.stat", "anon 5\ninactive_file 4000\n");
  }

  testing::TempDir root_;
  HostPaths paths_{HostPaths::Roots{root_ / "proc", root_ / "sys", root_ / ""}};
  CgroupPlace place_;
  std::optional<CgroupReader> reader_;
};

TEST_F(CgroupUsageTest, ReadsVersion1UnderTheNameOfAllControllers) {
  const std::string group = std::string("/docker/") + kId;
  write_v1(group);
  const auto used =
      usage("5:cpu,cpuacct:" + group + "\n4:memory:" + group + "\n1:name=systemd:" + group + "\n0::/\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  EXPECT_EQ(place_.path, group);
  EXPECT_EQ(used->cpu_seconds, 1.5);
  EXPECT_EQ(used->memory_bytes, 8192000);
  EXPECT_EQ(used->working_set_bytes(), 8000000);
  EXPECT_EQ(used->memory_limit_bytes, std::nullopt);
}

TEST_F(CgroupUsageTest, ReadsVersion2AndNeverGoesBelowNothing) {
  const std::string group = std::string("/system.slice/docker-") + kId + ".scope";
  write_v2(group);
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  EXPECT_EQ(used->cpu_seconds, 2.5);
  EXPECT_EQ(used->memory_bytes, 1000);
  EXPECT_EQ(used->working_set_bytes(), 0);
  EXPECT_EQ(used->memory_limit_bytes, std::nullopt);
  root_.write("sys/fs/cgroup" + group + "/memory.max", "67108864\n");
  EXPECT_EQ(read()->memory_limit_bytes, 67108864);
}

TEST_F(CgroupUsageTest, TakesTheContainersOwnGroupWhenItsProcessMadeMore) {
  const std::string scope = std::string("/machine.slice/libpod-") + kId + ".scope";
  write_v2(scope);
  const auto used = usage("0::" + scope + "/container/init.scope\n");
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(place_.path, scope);
}

TEST_F(CgroupUsageTest, BothSideBySide) {
  const std::string group = std::string("/docker/") + kId;
  write_v1(group);
  root_.write("sys/fs/cgroup/unified/cgroup.controllers", "\n");
  root_.write("sys/fs/cgroup/unified" + group + "/cpu.stat", "usage_usec 9000000\n");
  const auto used = usage("4:memory:" + group + "\n0::" + group + "\n");
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(used->cpu_seconds, 9);
  EXPECT_EQ(used->memory_bytes, 8192000);
}

TEST_F(CgroupUsageTest, WithoutAMemoryControllerThereIsCpuAlone) {
  const std::string group = std::string("/docker/") + kId;
  root_.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  root_.write("sys/fs/cgroup" + group + "/cpu.stat", "usage_usec 1000000\n");
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok());
  EXPECT_EQ(used->cpu_seconds, 1);
  EXPECT_FALSE(used->memory_bytes);
  EXPECT_FALSE(used->memory_limit_bytes);
}

TEST_F(CgroupUsageTest, SaysThatThereIsNone) {
  const std::string id = kId;
  for (const std::string& text :
       {std::string(), std::string("nonsense\n"), std::string("0::/\n"), "0::/../../docker/" + id,
        "0::/docker/" + id + "\n", std::string("4:memory"), std::string("::\n:::")}) {
    const auto used = usage(text);
    ASSERT_FALSE(used.ok()) << text;
    EXPECT_EQ(used.error().code(), ErrorCode::not_found) << text;
  }
}

TEST_F(CgroupUsageTest, NonsenseInTheFilesIsNoValue) {
  const std::string group = std::string("/docker/") + kId;
  write_v2(group);
  root_.write("sys/fs/cgroup" + group + "/memory.current", "12x\n");
  root_.write("sys/fs/cgroup" + group + "/memory.stat", "inactive_file\n");
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok());
  EXPECT_FALSE(used->memory_bytes);
  EXPECT_FALSE(used->working_set_bytes());
}

TEST_F(CgroupUsageTest, EverythingOfVersion2) {
  const std::string group = std::string("/system.slice/docker-") + kId + ".scope";
  const std::string at = "sys/fs/cgroup" + group;
  write_v2(group);
  root_.write(at + "/cpu.stat",
              "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 40\nnr_throttled 7\n"
              "throttled_usec 250000\nnr_bursts 0\n");
  root_.write(at + "/cpu.max", "150000 100000\n");
  root_.write(at + "/cpu.weight", "39\n");
  root_.write(at + "/memory.stat", "anon 300\nfile 500\nkernel 10\ninactive_file 200\n");
  root_.write(at + "/memory.peak", "1200\n");
  root_.write(at + "/memory.swap.current", "64\n");
  root_.write(at + "/memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n");
  root_.write(
      at + "/io.stat",
      "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:1 rbytes=1\n7:0 \nx:y rbytes=5\n");
  root_.write(at + "/pids.current", "12\n");
  root_.write(at + "/pids.max", "max\n");
  root_.write(at + "/cgroup.procs", "100\n101\n102\n");
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  EXPECT_EQ(used->cpu_seconds, 5);
  EXPECT_EQ(used->cpu_user_seconds, 3);
  EXPECT_EQ(used->cpu_system_seconds, 2);
  EXPECT_EQ(used->periods, 40);
  EXPECT_EQ(used->throttled_periods, 7);
  EXPECT_EQ(used->throttled_seconds, 0.25);
  EXPECT_EQ(used->cpu_quota, 150000);
  EXPECT_EQ(used->cpu_period, 100000);
  EXPECT_EQ(used->cpu_shares, 998);  // what runc makes of weight 39, the weight of 1024 shares
  EXPECT_EQ(used->working_set_bytes(), 800);
  EXPECT_EQ(used->anonymous_bytes, 300);
  EXPECT_EQ(used->cache_bytes, 500);
  EXPECT_EQ(used->memory_max_bytes, 1200);
  EXPECT_EQ(used->swap_bytes, 64);
  EXPECT_EQ(used->memory_limit_hits, 9);
  EXPECT_EQ(used->oom_kills, 2);
  EXPECT_EQ(used->threads, 12);
  EXPECT_EQ(used->threads_limit, std::nullopt);
  EXPECT_EQ(used->processes, 3);
  ASSERT_EQ(used->devices.size(), 2);
  EXPECT_EQ(used->devices[0].device, "8:0");
  EXPECT_EQ(used->devices[0].read_bytes, 4096);
  EXPECT_EQ(used->devices[0].written_bytes, 8192);
  EXPECT_EQ(used->devices[0].reads, 1);
  EXPECT_EQ(used->devices[0].writes, 2);
  EXPECT_EQ(used->devices[1].device, "253:1");
}

TEST_F(CgroupUsageTest, EverythingOfVersion1) {
  const std::string group = std::string("/docker/") + kId;
  write_v1(group);
  const auto at = [&](const char* hierarchy) { return "sys/fs/cgroup/" + std::string(hierarchy) + group; };
  root_.write(at("cpu,cpuacct") + "/cpuacct.stat", "user 100\nsystem 50\n");
  root_.write(at("cpu,cpuacct") + "/cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 1500000000\n");
  root_.write(at("cpu,cpuacct") + "/cpu.cfs_quota_us", "-1\n");
  root_.write(at("cpu,cpuacct") + "/cpu.cfs_period_us", "100000\n");
  root_.write(at("cpu,cpuacct") + "/cpu.shares", "512\n");
  root_.write(at("memory") + "/memory.max_usage_in_bytes", "9000000\n");
  root_.write(at("memory") + "/memory.failcnt", "4\n");
  root_.write(at("memory") + "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  root_.write(at("blkio") + "/blkio.throttle.io_service_bytes_recursive",
              "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\nTotal 30\n");
  root_.write(at("blkio") + "/blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
  root_.write(at("pids") + "/pids.current", "5\n");
  root_.write(at("pids") + "/pids.max", "100\n");
  root_.write(at("pids") + "/cgroup.procs", "7\n");
  const auto used = usage("5:cpu,cpuacct:" + group + "\n4:memory:" + group + "\n3:blkio:" + group +
                          "\n2:pids:" + group + "\n0::/\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  EXPECT_EQ(used->cpu_user_seconds, 1);
  EXPECT_EQ(used->cpu_system_seconds, 0.5);
  EXPECT_EQ(used->throttled_seconds, 1.5);
  EXPECT_EQ(used->cpu_quota, std::nullopt);
  EXPECT_EQ(used->cpu_shares, 512);
  EXPECT_EQ(used->memory_max_bytes, 9000000);
  EXPECT_EQ(used->memory_limit_hits, 4);
  EXPECT_EQ(used->oom_kills, 1);
  ASSERT_EQ(used->devices.size(), 1);
  EXPECT_EQ(used->devices[0].written_bytes, 20);
  EXPECT_EQ(used->devices[0].writes, 2);
  EXPECT_EQ(used->threads, 5);
  EXPECT_EQ(used->threads_limit, 100);
  EXPECT_EQ(used->processes, 1);
}

TEST_F(CgroupUsageTest, OlderKernelsCountTheInputAndOutputOfTheGroupAlone) {
  const std::string group = std::string("/docker/") + kId;
  const std::string blkio = "sys/fs/cgroup/blkio" + group;
  root_.write(blkio + "/blkio.throttle.io_service_bytes",
              "8:0 Read 10\n8:0 Write 20\n8:0 Sync x\nTotal 30\n");
  root_.write(blkio + "/blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Write nonsense\nTotal 3\n");
  const auto used = usage("3:blkio:" + group + "\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  ASSERT_EQ(used->devices.size(), 1);
  EXPECT_EQ(used->devices[0].read_bytes, 10);
  EXPECT_EQ(used->devices[0].written_bytes, 20);
  EXPECT_EQ(used->devices[0].reads, 1);
  EXPECT_EQ(used->devices[0].writes, 0);
}

TEST_F(CgroupUsageTest, LimitsAreReadWhenAskedAndCountersEachTime) {
  const std::string group = std::string("/docker/") + kId;
  const std::string at = "sys/fs/cgroup" + group;
  for (const bool keep : {true, false}) {
    write_v2(group);
    root_.write(at + "/pids.max", "10\n");
    ASSERT_EQ(usage("0::" + group + "\n")->threads_limit, 10);
    root_.write(at + "/pids.max", "20\n");
    root_.write(at + "/memory.current", "2000\n");
    EXPECT_EQ(read(CgroupReader::Scope::usage, keep)->threads_limit, 10);
    EXPECT_EQ(read(CgroupReader::Scope::usage, keep)->memory_bytes, 2000);
    EXPECT_EQ(read(CgroupReader::Scope::limits, keep)->threads_limit, 20);
  }
}

TEST_F(CgroupUsageTest, AGroupThatIsGoneIsNotFound) {
  const std::string group = std::string("/docker/") + kId;
  write_v2(group);
  ASSERT_TRUE(usage("0::" + group + "\n").ok());
  std::filesystem::remove_all(root_ / ("sys/fs/cgroup" + group));
  reader_.emplace(place_);
  EXPECT_EQ(read().error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron
