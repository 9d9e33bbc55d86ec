#include "exporter/base/parse.h"
#include "exporter/collectors/containers.h"
#include "tests/support/recording_log.h"

#include <cstdlib>
#include <thread>

#include <signal.h>

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The containers collector against the dockerd that tests/lab/docker-engine.sh started.
class ContainersLab : public ::testing::Test {
 protected:
  void SetUp() override {
    CollectorContext context{paths_, system_clock(), catalogue_, log_, files_, {}, {}, {}, {}, seconds(10)};
    context.options.set("socket", {variable("LAB_DOCKER_SOCKET")});
    collector_ = std::move(*make_containers_collector(std::move(context)));
  }
  void TearDown() override { docker("rm -f subject"); }

  static bool docker(const std::string& arguments) {
    return std::system(("docker " + arguments + " >/dev/null 2>&1").c_str()) == 0;
  }
  static bool run(const std::string& options, const std::string& command) {
    return docker("run -d --name subject --network=none " + options + " local/lab /bin/sh " + command);
  }
  Status pass() {
    frame_.clear();
    return collector_->collect(frame_);
  }
  /// The value of the series of this name of the container "subject", with one more label if it is given.
  std::optional<double> value(std::string_view name, std::string_view label = {},
                              std::string_view text = {}) const {
    for (const FrameEntry& entry : frame_.entries()) {
      const Labels& labels = catalogue_.labels(entry.id);
      const bool is_it = labels.get(kMetricName) == name && labels.get("name") == "subject" &&
                         (label.empty() || labels.get(label) == text);
      if (is_it) return entry.value;
    }
    return std::nullopt;
  }
  /// Passes until `reached`, for a minute at most.
  bool pass_until(const std::function<bool()>& reached) {
    for (const BootTime end = system_clock().boot() + seconds(60); system_clock().boot() < end;) {
      const Status status = pass();
      EXPECT_TRUE(status.ok()) << status.error().to_string();
      if (!status.ok()) return false;
      if (reached()) return true;
    }
    return false;
  }

  HostPaths paths_;
  testing::RecordingLog log_;
  PassFiles files_{system_clock()};
  Catalogue catalogue_;
  Frame frame_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(ContainersLab, CpuAndMemoryOfARunningContainer) {
  ASSERT_TRUE(run("--memory=64m", "work"));
  ASSERT_TRUE(pass_until([&] { return value("container_memory_working_set_bytes").value_or(0) > 20 << 20; }));
  EXPECT_EQ(value("chiron_container_state", "state", "running"), 1);
  EXPECT_EQ(value("container_spec_memory_limit_bytes"), 64 << 20);
  EXPECT_LT(value("container_memory_usage_bytes"), 64 << 20);
  EXPECT_EQ(value("container_health_state"), -1);
  const double now = static_cast<double>(to_ms(system_clock().wall())) / 1000;
  EXPECT_NEAR(value("container_start_time_seconds").value_or(0), now, 120);
  const double cpu = value("container_cpu_usage_seconds_total").value_or(0);
  EXPECT_GT(cpu, 0);
  EXPECT_TRUE(pass_until([&] { return value("container_cpu_usage_seconds_total").value_or(0) > cpu; }));
  bool placed = false;
  for (const FrameEntry& entry : frame_.entries()) {
    placed |= catalogue_.labels(entry.id).get("id").starts_with(variable("LAB_CGROUP_PARENT") + "/");
  }
  EXPECT_TRUE(placed);
}

TEST_F(ContainersLab, ExitCodeAndRestartsOfOneThatFails) {
  ASSERT_TRUE(run("--restart=on-failure:2", "fail 7"));
  ASSERT_TRUE(pass_until([&] { return value("chiron_container_state", "state", "exited") == 1; }));
  EXPECT_EQ(value("chiron_container_exit_code"), 7);
  EXPECT_EQ(value("chiron_container_restarts_total"), 2);
  EXPECT_EQ(value("container_last_seen"), std::nullopt);
}

TEST_F(ContainersLab, HealthFollowsTheHealthCheck) {
  ASSERT_TRUE(run("--health-cmd check --health-interval 1s --health-retries 1", "work"));
  ASSERT_TRUE(pass_until([&] { return value("container_health_state") == 1; }));
  EXPECT_EQ(value("chiron_container_health", "status", "healthy"), 1);
  ASSERT_TRUE(docker("exec subject /bin/sh sicken"));
  ASSERT_TRUE(pass_until([&] { return value("chiron_container_health", "status", "unhealthy") == 1; }));
  EXPECT_EQ(value("container_health_state"), 0);
}

TEST_F(ContainersLab, PausedStoppedStartedAndRemoved) {
  ASSERT_TRUE(run("", "work"));
  ASSERT_TRUE(docker("pause subject"));
  ASSERT_TRUE(pass_until([&] { return value("chiron_container_state", "state", "paused") == 1; }));
  EXPECT_TRUE(value("container_memory_usage_bytes"));
  ASSERT_TRUE(docker("unpause subject") && docker("kill subject"));
  ASSERT_TRUE(pass_until([&] { return value("chiron_container_state", "state", "exited") == 1; }));
  EXPECT_EQ(value("chiron_container_exit_code"), 137);
  EXPECT_FALSE(value("container_memory_usage_bytes"));
  ASSERT_TRUE(docker("start subject"));
  ASSERT_TRUE(pass_until([&] { return value("container_memory_usage_bytes").has_value(); }));
  EXPECT_FALSE(value("chiron_container_exit_code"));
  ASSERT_TRUE(docker("rm -f subject"));
  ASSERT_TRUE(pass_until([&] { return !value("chiron_container_state"); }));
}

TEST_F(ContainersLab, LimitsThrottlingAndThreads) {
  ASSERT_TRUE(run("--cpus=0.05 --pids-limit=50", "work"));
  ASSERT_TRUE(pass_until([&] { return value("container_cpu_cfs_throttled_periods_total").value_or(0) > 2; }));
  EXPECT_GT(value("container_cpu_cfs_periods_total"), 0);
  EXPECT_GT(value("container_cpu_cfs_throttled_seconds_total"), 0);
  EXPECT_EQ(value("container_spec_cpu_quota"), 5000);
  EXPECT_EQ(value("container_spec_cpu_period"), 100000);
  EXPECT_EQ(value("container_threads_max"), 50);
  EXPECT_EQ(value("container_threads"), 1);
  EXPECT_EQ(value("container_processes"), 1);
  EXPECT_GT(value("container_memory_rss"), 0);
  // Changed through the engine: an event tells, and the limits are read again.
  ASSERT_TRUE(docker("update --cpus=0.1 subject"));
  EXPECT_TRUE(pass_until([&] { return value("container_spec_cpu_quota") == 10000; }));
}

TEST_F(ContainersLab, AnOutOfMemoryKillIsCountedAlthoughTheGroupGoesWithIt) {
  // The group goes with the container, so the engine itself misses some of these kills: then nobody knows.
  bool engine_knows = false;
  for (int attempt = 0; attempt < 10 && !engine_knows; ++attempt) {
    docker("rm -f subject");
    ASSERT_TRUE(pass_until([&] { return !value("chiron_container_state"); }));
    ASSERT_TRUE(run("--memory=12m --memory-swap=12m", "work"));
    ASSERT_TRUE(pass_until([&] { return value("chiron_container_state", "state", "exited") == 1; }));
    engine_knows = docker("inspect -f '{{.State.OOMKilled}}' subject | grep -q true");
  }
  ASSERT_TRUE(engine_knows);
  EXPECT_TRUE(pass_until([&] { return value("container_oom_events_total").value_or(0) >= 1; }));
  EXPECT_EQ(value("chiron_container_exit_code"), 137);
}

TEST_F(ContainersLab, AnEngineThatHangsIsAnErrorInTimeAndComesBack) {
  ASSERT_TRUE(pass().ok());
  const int engine = parse_int<int>(variable("LAB_DOCKERD_PID")).value_or(0);
  ASSERT_GT(engine, 1);
  CollectorContext context{paths_, system_clock(),   catalogue_, log_, files_, {}, {}, {},
                           {},     milliseconds(300)};
  context.options.set("socket", {variable("LAB_DOCKER_SOCKET")});
  const auto impatient = std::move(*make_containers_collector(std::move(context)));
  ASSERT_EQ(::kill(engine, SIGSTOP), 0);
  const BootTime start = system_clock().boot();
  const Status hung = impatient->collect(frame_);
  const Duration noticed = system_clock().boot() - start;
  // The one that knows the engine already sees it down within two sampling intervals.
  bool seen_down = false;
  while (!seen_down && system_clock().boot() - start < seconds(10)) {
    std::this_thread::sleep_for(milliseconds(100));
    seen_down = !pass().ok();
  }
  ::kill(engine, SIGCONT);
  EXPECT_TRUE(seen_down);
  ASSERT_FALSE(hung.ok());
  EXPECT_EQ(hung.error().code(), ErrorCode::timed_out);
  EXPECT_LT(noticed, seconds(5));
  bool back = false;
  for (const BootTime end = system_clock().boot() + seconds(60); !back && system_clock().boot() < end;) {
    std::this_thread::sleep_for(milliseconds(100));
    back = pass().ok();
  }
  EXPECT_TRUE(back);
}

}  // namespace
}  // namespace chiron
