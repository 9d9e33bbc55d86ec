#include "exporter/collectors/cgroup_usage.h"

#include "tests/support/temp_dir.h"

namespace chiron {
namespace {

constexpr const char* kId = "4f1a5b0e8f1d4c3b9a7e6d5c4b3a29180f1e2d3c4b5a69788796a5b4c3d2e1f0";

class CgroupUsageTest : public ::testing::Test {
 protected:
  Result<CgroupUsage> usage(std::string_view cgroup_file) {
    root_.write("proc/42/cgroup", cgroup_file);
    Result<CgroupPlace> place = find_cgroup(paths_, 42, kId);
    if (!place.ok()) return std::move(place).error();
    place_ = *place;
    return read_cgroup_usage(place_);
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
  EXPECT_EQ(used->working_set_bytes, 8000000);
  EXPECT_EQ(used->memory_limit_bytes, 0);
}

TEST_F(CgroupUsageTest, ReadsVersion2AndNeverGoesBelowNothing) {
  const std::string group = std::string("/system.slice/docker-") + kId + ".scope";
  write_v2(group);
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok()) << used.error().to_string();
  EXPECT_EQ(used->cpu_seconds, 2.5);
  EXPECT_EQ(used->memory_bytes, 1000);
  EXPECT_EQ(used->working_set_bytes, 0);
  EXPECT_EQ(used->memory_limit_bytes, 0);
  root_.write("sys/fs/cgroup" + group + "/memory.max", "67108864\n");
  EXPECT_EQ(read_cgroup_usage(place_)->memory_limit_bytes, 67108864);
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
  EXPECT_FALSE(find_cgroup(paths_, 43, kId).ok());
}

TEST_F(CgroupUsageTest, NonsenseInTheFilesIsNoValue) {
  const std::string group = std::string("/docker/") + kId;
  write_v2(group);
  root_.write("sys/fs/cgroup" + group + "/memory.current", "12x\n");
  root_.write("sys/fs/cgroup" + group + "/memory.stat", "inactive_file\n");
  const auto used = usage("0::" + group + "\n");
  ASSERT_TRUE(used.ok());
  EXPECT_FALSE(used->memory_bytes);
  EXPECT_FALSE(used->working_set_bytes);
}

}  // namespace
}  // namespace chiron
