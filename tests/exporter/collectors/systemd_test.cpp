#include "exporter/collectors/systemd.h"

#include "exporter/collectors/unit_cgroup.h"
#include "tests/exporter/collectors/host_fixture.h"
#include "tests/support/fake_unit_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using ::testing::ElementsAre;
using testing::FakeUnits;
using testing::FakeUnitWatch;
using namespace std::chrono_literals;

WatchedUnit unit(std::string name, std::string active, std::string sub, std::string type = {}) {
  WatchedUnit made;
  made.row = {std::move(name), "", "loaded", std::move(active), std::move(sub)};
  made.detailed = true;
  made.type = std::move(type);
  return made;
}

class SystemdCollectorTest : public testing::HostFixture {
 protected:
  void SetUp() override {
    add(unit("web.service", "active", "running", "notify"));
    at("web.service").restarts = 3;
    at("web.service").active_enter_us = 1'700'000'000'500'000;
    at("web.service").tasks_max = 512;
    add(unit("bad.service", "failed", "failed", "simple"));
    add(unit("logs.timer", "active", "waiting"));
    at("logs.timer").last_trigger_us = 1'700'000'001'250'000;
    add(unit("in.socket", "active", "listening"));
    at("in.socket").accepted = 9;
    at("in.socket").connections = 2;
    at("in.socket").refused = 1;
    add(unit("home.mount", "active", "mounted", "ext4"));
    add(unit("ghost.service", "inactive", "dead"));
    at("ghost.service").row.load_state = "not-found";
  }
  void add(WatchedUnit made) {
    const std::string name = made.row.name;
    systemd_->units[name] = std::move(made);
  }
  WatchedUnit& at(const std::string& name) {
    systemd_->changed = true;
    return systemd_->units.at(name);
  }
  Result<std::unique_ptr<Collector>> make_it(std::vector<std::string> watched = {}) {
    CollectorContext with = context(*find_collector("systemd"));
    with.watched_services = std::move(watched);
    return make_systemd_collector(std::move(with), [this](BusAddress, UnitInterest interest) {
      return std::make_unique<FakeUnitWatch>(systemd_, std::move(interest));
    });
  }
  void start(std::vector<std::string> watched = {}) {
    auto made = make_it(std::move(watched));
    ASSERT_TRUE(made) << made.error().to_string();
    collector_ = *std::move(made);
  }
  void expect_lines(const std::vector<const char*>& wanted) {
    for (const char* line : wanted) {
      EXPECT_TRUE(has(line)) << line << "\n" << ::testing::PrintToString(lines());
    }
  }
  std::shared_ptr<FakeUnits> systemd_ = std::make_shared<FakeUnits>();
};

TEST_F(SystemdCollectorTest, ReportsUnitsAsNodeExporterDoes) {
  start();
  ASSERT_TRUE(collect());
  expect_lines({
      R"(node_systemd_unit_state{name="web.service",state="active",type="notify"} 1)",
      R"(node_systemd_unit_state{name="web.service",state="failed",type="notify"} 0)",
      R"(node_systemd_unit_state{name="bad.service",state="failed",type="simple"} 1)",
      R"(node_systemd_unit_state{name="logs.timer",state="active"} 1)",
      R"(node_systemd_service_restart_total{name="web.service"} 3)",
      R"(node_systemd_service_restart_total{name="bad.service"} 0)",
      R"(node_systemd_unit_start_time_seconds{name="web.service"} 1700000000.5)",
      R"(node_systemd_unit_start_time_seconds{name="bad.service"} 0)",
      R"(node_systemd_unit_tasks_max{name="web.service"} 512)",
      R"(node_systemd_timer_last_trigger_seconds{name="logs.timer"} 1700000001.25)",
      R"(node_systemd_socket_accepted_connections_total{name="in.socket"} 9)",
      R"(node_systemd_socket_current_connections{name="in.socket"} 2)",
      R"(node_systemd_socket_refused_connections_total{name="in.socket"} 1)",
      R"(node_systemd_units{state="active"} 4)",
      R"(node_systemd_units{state="failed"} 1)",
      R"(node_systemd_units{state="inactive"} 1)",
      R"(node_systemd_units{state="activating"} 0)",
      R"(node_systemd_system_running 1)",
      R"(node_systemd_version{version="252.39-1~deb12u1"} 252.39)",
      R"(node_systemd_virtualization_info{virtualization_type="kvm"} 1)",
  });
  EXPECT_FALSE(mentions("home.mount"));
  EXPECT_FALSE(mentions("ghost.service"));
  EXPECT_FALSE(mentions("restart_total{name=\"logs.timer\"}"));
  EXPECT_FALSE(mentions("tasks_max{name=\"bad.service\"}")) << "no limit is no number";
  EXPECT_EQ(lines().size(), 4 * 5 + 2 + 4 + 1 + 1 + 3 + 5 + 3U);
}

TEST_F(SystemdCollectorTest, OptionsChooseUnitsAndFamilies) {
  option("unit-include", {"(web|home).+"});
  option("unit-exclude", {"web"});  // anchored: not web.service
  option("enable-restarts-metrics", {"false"});
  option("enable-start-time-metrics", {"false"});
  option("enable-task-metrics", {"false"});
  option("resources", {""});
  start();
  ASSERT_TRUE(collect());
  EXPECT_TRUE(mentions("name=\"web.service\",state=\"active\",type=\"notify\""));
  EXPECT_TRUE(mentions("name=\"home.mount\",state=\"active\",type=\"ext4\""));
  EXPECT_FALSE(mentions("bad.service"));
  EXPECT_FALSE(mentions("restart_total"));
  EXPECT_FALSE(mentions("start_time"));
  EXPECT_FALSE(mentions("tasks"));
  EXPECT_FALSE(systemd_->interest.control_group("web.service"));
  EXPECT_FALSE(systemd_->interest.tasks_max);
}

TEST_F(SystemdCollectorTest, WatchedServicesAreUpOrDown) {
  add(unit("real.service", "active", "running"));
  systemd_->aliases["other.service"] = "real.service";
  start({"web", "bad.service", "other.service", "absent.service", "web.service"});
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(collect());
    expect_lines({R"(chiron_service_up{name="web.service"} 1)", R"(chiron_service_up{name="bad.service"} 0)",
                  R"(chiron_service_up{name="other.service"} 1)",
                  R"(chiron_service_up{name="absent.service"} 0)"});
  }
  EXPECT_THAT(systemd_->asked, ElementsAre("other.service", "absent.service"));
  at("real.service").row.active_state = "failed";
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(chiron_service_up{name="other.service"} 0)"));
}

TEST_F(SystemdCollectorTest, AllIsReportedAgainAfterALongSilenceOfTheBus) {
  start({"web.service"});
  ASSERT_TRUE(collect());
  const std::vector<std::string> before = lines();
  systemd_->failure = Error(ErrorCode::timed_out, "no answer");
  ASSERT_FALSE(collect());
  forget_everything();
  systemd_->failure.reset();
  ASSERT_TRUE(collect());
  EXPECT_EQ(lines(), before);
}

TEST_F(SystemdCollectorTest, UnitsThatGoTakeTheirSeriesAlong) {
  start();
  ASSERT_TRUE(collect());
  systemd_->units.erase("bad.service");
  systemd_->changed = true;
  ASSERT_TRUE(collect());
  EXPECT_FALSE(mentions("bad.service"));
}

TEST_F(SystemdCollectorTest, AServiceOfAnotherTypeHasOtherSeries) {
  start();
  ASSERT_TRUE(collect());
  at("web.service").type = "exec";
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(node_systemd_unit_state{name="web.service",state="active",type="exec"} 1)"));
  EXPECT_FALSE(mentions("notify"));
}

TEST_F(SystemdCollectorTest, ABusThatFailsIsAFailureUnlessThereIsNoSystemd) {
  start();
  systemd_->failure = Error(ErrorCode::unavailable, "connect: gone");
  EXPECT_EQ(collect().error().code(), ErrorCode::no_data);
  root("run/systemd/system/x", "");
  EXPECT_EQ(collect().error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(lines().empty());
  systemd_->failure.reset();
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has("node_systemd_system_running 1"));
}

TEST_F(SystemdCollectorTest, AWatchedServiceWithoutABusIsAFailure) {
  start({"web"});
  systemd_->failure = Error(ErrorCode::unavailable, "connect: gone");
  EXPECT_EQ(collect().error().code(), ErrorCode::unavailable);
}

TEST_F(SystemdCollectorTest, RefusesBadSettings) {
  option("unit-include", {"(["});
  EXPECT_EQ(make_it().error().code(), ErrorCode::invalid_argument);
  options_.clear();
  EXPECT_EQ(make_it({"../../etc/passwd"}).error().code(), ErrorCode::invalid_argument);
}

TEST_F(SystemdCollectorTest, ReadsVersionsOfOtherDistributions) {
  start();
  systemd_->manager.version = "v255 custom";
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(node_systemd_version{version="v255 custom"} 255)"));
}

TEST_F(SystemdCollectorTest, ReadsGroupsOfTheUnifiedHierarchy) {
  sys("fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
  sys("fs/cgroup/system.slice/web.service/cpu.stat",
      "usage_usec 3500000\nuser_usec 3000000\nsystem_usec 500000\n");
  sys("fs/cgroup/system.slice/web.service/memory.current", "4096\n");
  sys("fs/cgroup/system.slice/web.service/pids.current", "7\n");
  sys("fs/cgroup/system.slice/web.service/io.stat",
      "8:0 rbytes=100 wbytes=20 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n");
  at("web.service").control_group = "/system.slice/web.service";
  at("bad.service").control_group = "/system.slice/web.service";  // it ended: nothing of it runs there
  start();
  ASSERT_TRUE(collect());
  expect_lines({R"(systemd_unit_cpu_seconds_total{mode="user",name="web.service",type="service"} 3)",
                R"(systemd_unit_cpu_seconds_total{mode="system",name="web.service",type="service"} 0.5)",
                R"(systemd_unit_memory_current_bytes{name="web.service",type="service"} 4096)",
                R"(systemd_unit_io_read_bytes_total{name="web.service",type="service"} 101)",
                R"(systemd_unit_io_written_bytes_total{name="web.service",type="service"} 22)",
                R"(systemd_unit_io_reads_completed_total{name="web.service",type="service"} 4)",
                R"(systemd_unit_io_writes_completed_total{name="web.service",type="service"} 5)",
                R"(node_systemd_unit_tasks_current{name="web.service"} 7)"});
  EXPECT_FALSE(mentions("seconds_total{mode=\"user\",name=\"bad.service\""));
  // Another value through the same descriptors, and none once the group is gone.
  sys("fs/cgroup/system.slice/web.service/pids.current", "8\n");
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(node_systemd_unit_tasks_current{name="web.service"} 8)"));
  at("web.service").row.active_state = "inactive";
  ASSERT_TRUE(collect());
  EXPECT_FALSE(mentions("tasks_current"));
}

TEST_F(SystemdCollectorTest, ReadsGroupsOfSeparateHierarchies) {
  sys("fs/cgroup/unified/cgroup.controllers", "\n");
  sys("fs/cgroup/unified/system.slice/web.service/cpu.stat", "user_usec 1\nsystem_usec 1\n");
  sys("fs/cgroup/cpu,cpuacct/system.slice/web.service/cpuacct.stat", "user 150\nsystem 50\n");
  sys("fs/cgroup/memory/system.slice/web.service/memory.usage_in_bytes", "8192\n");
  sys("fs/cgroup/pids/system.slice/web.service/pids.current", "nonsense\n");
  sys("fs/cgroup/blkio/system.slice/web.service/blkio.throttle.io_service_bytes",
      "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:16 Read 1\nTotal 61\n");
  sys("fs/cgroup/blkio/system.slice/web.service/blkio.throttle.io_serviced",
      "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
  at("web.service").control_group = "/system.slice/web.service";
  start();
  ASSERT_TRUE(collect());
  expect_lines({R"(systemd_unit_cpu_seconds_total{mode="user",name="web.service",type="service"} 1.5)",
                R"(systemd_unit_cpu_seconds_total{mode="system",name="web.service",type="service"} 0.5)",
                R"(systemd_unit_memory_current_bytes{name="web.service",type="service"} 8192)",
                R"(systemd_unit_io_read_bytes_total{name="web.service",type="service"} 11)",
                R"(systemd_unit_io_writes_completed_total{name="web.service",type="service"} 2)"});
  EXPECT_FALSE(mentions("tasks_current")) << "what is no number is no sample";
}

TEST_F(SystemdCollectorTest, CountsTheInputAndOutputOfGroupsBelow) {
  sys("fs/cgroup/cpuacct/a/cpuacct.stat", "user 1\nsystem 1\n");
  for (const auto& [file, read, written] : {std::tuple{"io_service_bytes", 10, 20},
                                            {"io_serviced", 1, 2},
                                            {"io_service_bytes_recursive", 1000, 2000},
                                            {"io_serviced_recursive", 100, 200}}) {
    sys(std::string("fs/cgroup/blkio/a/blkio.throttle.") + file,
        "8:0 Read " + std::to_string(read) + "\n8:0 Write " + std::to_string(written) + "\nTotal 1\n");
  }
  const CgroupMounts mounts = find_cgroup_mounts(paths_);
  DescriptorBudget budget(100);
  const auto io = [&] { return UnitCgroup(mounts, "/a", budget).read().io.value(); };
  EXPECT_EQ(io().read_bytes, 1000);
  EXPECT_EQ(io().written_bytes, 2000);
  EXPECT_EQ(io().reads, 100);
  EXPECT_EQ(io().writes, 200);
  remove("sys/fs/cgroup/blkio/a/blkio.throttle.io_service_bytes_recursive");
  remove("sys/fs/cgroup/blkio/a/blkio.throttle.io_serviced_recursive");
  EXPECT_EQ(io().read_bytes, 10) << "a kernel that counts the group alone";
  EXPECT_EQ(io().writes, 2);
}

TEST_F(SystemdCollectorTest, GroupsPastTheDescriptorsAreReadAllTheSame) {
  sys("fs/cgroup/cgroup.controllers", "cpu\n");
  sys("fs/cgroup/a/cpu.stat", "user_usec 1000000\nsystem_usec 0\n");
  const CgroupMounts mounts = find_cgroup_mounts(paths_);
  DescriptorBudget budget(1);
  UnitCgroup first(mounts, "/a", budget);
  {
    UnitCgroup second(mounts, "/a", budget);
    EXPECT_FALSE(budget.take()) << "all are taken";
    EXPECT_EQ(first.read().user_seconds, 1);
    EXPECT_EQ(second.read().user_seconds, 1);
  }
  EXPECT_FALSE(budget.take()) << "what was not taken is not given back";
}

TEST_F(SystemdCollectorTest, FindsWellKnownServices) {
  root("lib/systemd/system/nginx.service", "");
  root("lib/systemd/system/postgresql.service", "");
  add(unit("ssh.service", "active", "running"));
  add(unit("postgresql.service", "active", "exited"));
  add(unit("postgresql@15-main.service", "failed", "failed"));
  add(unit("redis-server.service", "inactive", "dead"));
  at("redis-server.service").row.load_state = "not-found";
  start();
  ASSERT_TRUE(collect());
  expect_lines(
      {R"(chiron_discovered_service_state{name="nginx",state="stopped",unit="nginx.service"} 1)",
       R"(chiron_discovered_service_state{name="ssh",state="running",unit="ssh.service"} 1)",
       R"(chiron_discovered_service_state{name="ssh",state="failed",unit="ssh.service"} 0)",
       R"(chiron_discovered_service_state{name="postgresql",state="failed",unit="postgresql.service"} 1)"});
  EXPECT_FALSE(mentions("name=\"redis\""));
  EXPECT_FALSE(mentions("name=\"docker\""));
  at("postgresql@15-main.service").row = {"postgresql@15-main.service", "", "loaded", "inactive", "dead"};
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(
      R"(chiron_discovered_service_state{name="postgresql",state="stopped",unit="postgresql.service"} 1)"))
      << "the unit that only groups the clusters says nothing";
  // A package that is installed shows within a minute.
  root("lib/systemd/system/docker.service", "");
  clock_.advance(1min);
  ASSERT_TRUE(collect());
  EXPECT_TRUE(
      has(R"(chiron_discovered_service_state{name="docker",state="stopped",unit="docker.service"} 1)"));
}

}  // namespace
}  // namespace chiron
