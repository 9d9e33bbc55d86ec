#include "exporter/collectors/containers.h"

#include "exporter/base/file.h"
#include "exporter/collectors/container_answers.h"
#include "tests/support/engine_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"
#include "tests/support/scripted_server.h"

#include <sys/socket.h>
#include <sys/un.h>

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kWeb = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kJob = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// An engine with two containers, as Docker 20.10 answers; the test changes the answers.
struct Answers {
  std::string list = R"j([{"Id":")j" + kWeb + R"j("},{"Id":")j" + kJob + R"j("}])j";
  std::string web = R"j({"Id":")j" + kWeb + R"j(","Name":"/web","Config":{"Image":"nginx:1.25"},
     "State":{"Status":"running","Running":true,"Pid":42,"ExitCode":0,"OOMKilled":false,
     "StartedAt":"2024-01-01T00:00:00.5Z","Health":{"Status":"healthy","FailingStreak":0}},
     "RestartCount":3,"HostConfig":{"CgroupParent":"","NetworkMode":"bridge"}})j";
  std::string job = R"j({"Id":")j" + kJob + R"j(","Name":"/job","Config":{"Image":"batch"},
     "State":{"Status":"exited","Pid":0,"ExitCode":137,"StartedAt":"2024-01-01T02:00:00+02:00"},
     "RestartCount":0,"HostConfig":{"CgroupParent":"","NetworkMode":"bridge"}})j";
  std::string info = R"j({"CgroupDriver":"systemd"})j";
  std::string disk = R"j({"LayersSize":1000,"Images":[{"Id":"a","Size":600,"SharedSize":100,"Containers":1},
     {"Id":"b","Size":500,"SharedSize":100,"Containers":0},{"Id":"c","Size":-1,"SharedSize":-1,"Containers":0}],
     "Containers":[{"Id":"x","SizeRw":7,"State":"running"},{"Id":"y","SizeRw":5,"State":"exited"}],
     "Volumes":[{"Name":"v","UsageData":{"Size":30,"RefCount":0}},{"Name":"w","UsageData":null}],
     "BuildCache":[{"ID":"k","Size":40,"InUse":false},{"ID":"l","Size":2,"InUse":true}]})j";
  std::atomic<int> inspections{0};
  std::atomic<bool> hanging{false};
  std::mutex mutex;

  std::string operator()(std::string_view request) {
    hanging.wait(true);
    const std::lock_guard lock(mutex);
    if (request.starts_with("GET /containers/json?all=true ")) return testing::http_answer(200, list);
    if (request.starts_with("GET /info ")) return testing::http_answer(200, info);
    if (request.starts_with("GET /_ping ")) return testing::http_answer(200, "OK");
    if (request.starts_with("GET /system/df ")) return testing::http_answer(200, disk);
    ++inspections;
    if (request.starts_with("GET /containers/" + kWeb + "/json ")) return testing::http_answer(200, web);
    if (request.starts_with("GET /containers/" + kJob + "/json ")) return testing::http_answer(200, job);
    return testing::http_answer(404, R"j({"message":"no such container"})j");
  }
  void replace(std::string& text, const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex);
    text.replace(text.find(from), from.size(), to);
  }
};

class ContainersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string group = "/system.slice/docker-" + kWeb + ".scope";
    root_.write("proc/42/cgroup", "0::" + group + "\n");
    root_.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    root_.write("sys/fs/cgroup" + group + "/cpu.stat", "usage_usec 2500000\n");
    root_.write("sys/fs/cgroup" + group + "/memory.current", "1000\n");
    root_.write("sys/fs/cgroup" + group + "/memory.max", "64000\n");
    root_.write("sys/fs/cgroup" + group + "/memory.stat", "inactive_file 400\n");
    root_.write(
        "proc/42/net/dev",
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
        "colls carrier compressed\n"
        "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0 "
        "    0       0          0\n"
        "  eth0:    2000      20    3    4    0     0          0         0      500       5    6    7    0 "
        "    0       0          0\n");
  }

  std::unique_ptr<Collector> make(std::vector<std::string> sockets, Duration deadline = seconds(20)) {
    // The sockets lie outside the fake root, which paths_ puts in front of every path of the host.
    CollectorContext context{paths_, clock_, catalogue_, log_, files_, {}, {}, {}, {}, deadline};
    context.options.set("socket", std::move(sockets));
    context.options.set("disk-usage-interval", {disk_interval_});
    return std::move(*make_containers_collector(std::move(context), {.timeout = seconds(5),
                                                                     .sign_of_life = sign_of_life_,
                                                                     .life_timeout = life_timeout_,
                                                                     .reconnect = milliseconds(1)}));
  }
  std::unique_ptr<Collector> make(const std::string& socket) { return make(std::vector{socket}); }
  /// Passes until `reached`, for ten seconds at most.
  bool pass_until(Collector& collector, const std::function<bool()>& reached) {
    for (const BootTime end = system_clock().boot() + seconds(10); system_clock().boot() < end;) {
      (void)pass(collector).ok();
      if (reached()) return true;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return false;
  }
  Status pass(Collector& collector) {
    frame_.clear();
    return collector.collect(frame_);
  }
  std::optional<double> value(const std::string& series) const {
    for (const FrameEntry& entry : frame_.entries()) {
      if (catalogue_.labels(entry.id).to_string() == series) return entry.value;
    }
    return std::nullopt;
  }
  static std::string labels(const std::string& id, const std::string& image, const std::string& name) {
    return "id=\"/system.slice/docker-" + id + ".scope\", image=\"" + image + "\", name=\"" + name + "\"";
  }

  testing::TempDir root_;
  HostPaths paths_{HostPaths::Roots{root_ / "proc", root_ / "sys", "/"}};
  testing::FakeClock clock_;
  testing::RecordingLog log_;
  PassFiles files_{clock_};
  Catalogue catalogue_;
  Frame frame_;
  std::string disk_interval_ = "0";
  Duration sign_of_life_ = seconds(30);
  Duration life_timeout_ = seconds(5);
  const std::string web_ = labels(kWeb, "nginx:1.25", "web");
  const std::string job_ = labels(kJob, "batch", "job");
  Answers answers_;
  testing::EngineServer server_{[this](std::string_view request) { return answers_(request); }};
};

TEST_F(ContainersTest, ReportsRunningAndStoppedContainers) {
  const auto collector = make(server_.path());
  const Status status = pass(*collector);
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  const std::string web = labels(kWeb, "nginx:1.25", "web");
  const std::string job = labels(kJob, "batch", "job");
  EXPECT_EQ(value("container_cpu_usage_seconds_total{cpu=\"total\", " + web + "}"), 2.5);
  EXPECT_EQ(value("container_memory_usage_bytes{" + web + "}"), 1000);
  EXPECT_EQ(value("container_memory_working_set_bytes{" + web + "}"), 600);
  EXPECT_EQ(value("container_spec_memory_limit_bytes{" + web + "}"), 64000);
  EXPECT_EQ(value("container_start_time_seconds{" + web + "}"), 1704067200.5);
  EXPECT_EQ(value("container_last_seen{" + web + "}"), 1'700'000'000);
  EXPECT_EQ(value("container_health_state{" + web + "}"), 1);
  EXPECT_EQ(value("container_health_state{" + job + "}"), std::nullopt);
  EXPECT_EQ(value("chiron_container_state{" + web + ", state=\"running\"}"), 1);
  EXPECT_EQ(value("chiron_container_state{" + web + ", state=\"exited\"}"), 0);
  EXPECT_EQ(value("chiron_container_state{" + job + ", state=\"exited\"}"), 1);
  EXPECT_EQ(value("chiron_container_health{" + web + ", status=\"healthy\"}"), 1);
  EXPECT_EQ(value("chiron_container_health{" + web + ", status=\"unhealthy\"}"), 0);
  EXPECT_EQ(value("chiron_container_restarts_total{" + web + "}"), 3);
  EXPECT_EQ(value("chiron_container_exit_code{" + job + "}"), 137);
  EXPECT_EQ(value("chiron_container_exit_code{" + web + "}"), std::nullopt);
  EXPECT_EQ(value("container_oom_events_total{" + web + "}"), 0);
  const auto network = [&](const std::string& what) {
    return value("container_network_" + what + "{id=\"/system.slice/docker-" + kWeb +
                 ".scope\", image=\"nginx:1.25\", interface=\"eth0\", name=\"web\"}");
  };
  EXPECT_EQ(network("receive_bytes_total"), 2000);
  EXPECT_EQ(network("receive_packets_total"), 20);
  EXPECT_EQ(network("receive_errors_total"), 3);
  EXPECT_EQ(network("receive_packets_dropped_total"), 4);
  EXPECT_EQ(network("transmit_bytes_total"), 500);
  EXPECT_EQ(network("transmit_packets_dropped_total"), 7);
  EXPECT_EQ(value("chiron_container_engine_up{socket=\"" + server_.path() + "\"}"), 1);
  EXPECT_EQ(value("container_last_seen{" + job + "}"), std::nullopt);
}

TEST_F(ContainersTest, SteadyStateAsksTheEngineNothingAndAnEventInspectsOne) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  const int asked = server_.requests();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(server_.requests(), asked);
  EXPECT_EQ(answers_.inspections, 2);

  answers_.replace(answers_.web, "\"healthy\"", "\"unhealthy\"");
  server_.event("exec_start: /bin/check", kWeb);
  server_.event("health_status: unhealthy", kWeb);
  ASSERT_TRUE(pass_until(*collector, [&] { return value("container_health_state{" + web_ + "}") == 0; }));
  EXPECT_EQ(value("chiron_container_health{" + web_ + ", status=\"unhealthy\"}"), 1);
  EXPECT_EQ(answers_.inspections, 3);
  EXPECT_EQ(server_.streams(), 1);
}

TEST_F(ContainersTest, HealthIsThereOnlyWhileTheContainerRuns) {
  // docker stop leaves the last result of the health check in State.Health.
  answers_.replace(answers_.web, "\"healthy\"", "\"unhealthy\"");
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  const std::string health = "chiron_container_health{" + web_ + ", status=\"unhealthy\"}";
  EXPECT_EQ(value(health), 1);
  std::string before = "running";
  for (const char* state : {"paused", "exited", "restarting", "running"}) {
    answers_.replace(answers_.web, "\"Status\":\"" + before, std::string("\"Status\":\"") + state);
    before = state;
    server_.event("any", kWeb);
    ASSERT_TRUE(pass_until(*collector, [&] {
      return value("chiron_container_state{" + web_ + ", state=\"" + state + "\"}") == 1;
    }));
    const bool runs = before == "running";
    EXPECT_EQ(value(health), runs ? std::optional(1.0) : std::nullopt) << state;
    EXPECT_EQ(value("container_health_state{" + web_ + "}"), runs ? std::optional(0.0) : std::nullopt);
  }
}

TEST_F(ContainersTest, ARestartIsANewProcess) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  answers_.replace(answers_.web, "\"Pid\":42", "\"Pid\":43");
  answers_.replace(answers_.web, "\"RestartCount\":3", "\"RestartCount\":4");
  std::filesystem::rename(root_ / "proc/42", root_ / "proc/43");
  server_.event("start", kWeb);
  ASSERT_TRUE(
      pass_until(*collector, [&] { return value("chiron_container_restarts_total{" + web_ + "}") == 4; }));
  EXPECT_EQ(value("container_memory_usage_bytes{" + web_ + "}"), 1000);
}

TEST_F(ContainersTest, AContainerThatIsRemovedEndsAndOneThatAppearsBegins) {
  answers_.replace(answers_.list, ",{\"Id\":\"" + kJob + "\"}", "");
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(value("chiron_container_exit_code{" + job_ + "}"), std::nullopt);
  server_.event("create", kJob);
  ASSERT_TRUE(
      pass_until(*collector, [&] { return value("chiron_container_exit_code{" + job_ + "}") == 137; }));
  server_.event("destroy", kJob);
  ASSERT_TRUE(pass_until(*collector, [&] { return !value("chiron_container_exit_code{" + job_ + "}"); }));
  EXPECT_EQ(value("container_memory_usage_bytes{" + web_ + "}"), 1000);
}

TEST_F(ContainersTest, AStreamThatBreaksIsListedAgain) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  answers_.replace(answers_.job, "\"ExitCode\":137", "\"ExitCode\":1");
  server_.end_streams();  // and the event of that change is never told
  ASSERT_TRUE(server_.wait_for_streams(2));
  EXPECT_TRUE(pass_until(*collector, [&] { return value("chiron_container_exit_code{" + job_ + "}") == 1; }));
  EXPECT_TRUE(pass_until(*collector, [&] {
    return value("chiron_container_engine_up{socket=\"" + server_.path() + "\"}") == 1;
  }));
}

TEST_F(ContainersTest, NonsenseInTheStreamIsAnErrorAndALaterConnectionMends) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  server_.event("no json at all");
  ASSERT_TRUE(server_.wait_for_streams(2));
  EXPECT_TRUE(pass_until(*collector, [&] { return pass(*collector).ok(); }));
}

TEST_F(ContainersTest, OutOfMemoryKillsAreCountedOverTheEndOfTheRun) {
  const std::string events = "sys/fs/cgroup/system.slice/docker-" + kWeb + ".scope/memory.events";
  root_.write(events, "max 5\noom_kill 2\n");
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(value("container_oom_events_total{" + web_ + "}"), 2);
  // The last kill ends the container, and its group with it.
  std::filesystem::remove_all(root_ / "proc/42");
  answers_.replace(answers_.web, "\"Pid\":42", "\"Pid\":0");
  answers_.replace(answers_.web, "\"Status\":\"running\"", "\"Status\":\"exited\"");
  answers_.replace(answers_.web, "\"OOMKilled\":false", "\"OOMKilled\":true");
  for (int i = 0; i < 3; ++i) server_.event("oom", kWeb);
  server_.event("die", kWeb);
  EXPECT_TRUE(pass_until(*collector, [&] { return value("container_oom_events_total{" + web_ + "}") == 3; }));
  EXPECT_EQ(value("container_memory_usage_bytes{" + web_ + "}"), std::nullopt);
}

TEST_F(ContainersTest, AnotherProcessUnderTheSameNumberIsNotTheContainers) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  // The descriptor that is kept names the directory of the process that ended.
  std::filesystem::remove_all(root_ / "proc/42");
  root_.write("proc/42/cgroup", "0::/system.slice/cron.service\n");
  root_.write("proc/42/net/dev", "  eth0: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n");
  (void)pass(*collector).ok();
  for (const FrameEntry& entry : frame_.entries()) {
    EXPECT_FALSE(catalogue_.labels(entry.id).to_string().starts_with("container_network")) << entry.value;
  }
}

TEST_F(ContainersTest, TheHostsNetworkIsNotTheContainers) {
  for (const char* mode : {"host", "none", "container:abc"}) {
    answers_.replace(answers_.web, "\"NetworkMode\":\"bridge\"",
                     std::string("\"NetworkMode\":\"") + mode + "\"");
    const auto collector = make(server_.path());
    ASSERT_TRUE(pass(*collector).ok());
    for (const FrameEntry& entry : frame_.entries()) {
      EXPECT_FALSE(catalogue_.labels(entry.id).to_string().starts_with("container_network")) << mode;
    }
    answers_.replace(answers_.web, std::string("\"NetworkMode\":\"") + mode + "\"",
                     "\"NetworkMode\":\"bridge\"");
  }
}

TEST_F(ContainersTest, SizesOnTheDiskWithTheirAge) {
  disk_interval_ = "1h";
  const auto collector = make(server_.path());
  const auto disk = [&](const std::string& what, const std::string& kind) {
    return value("chiron_container_disk_" + what + "{kind=\"" + kind + "\", socket=\"" + server_.path() +
                 "\"}");
  };
  ASSERT_TRUE(pass_until(*collector, [&] { return disk("usage_bytes", "images").has_value(); }));
  EXPECT_EQ(disk("usage_bytes", "images"), 1000);
  EXPECT_EQ(disk("reclaimable_bytes", "images"), 400);
  EXPECT_EQ(disk("objects", "images"), 3);
  EXPECT_EQ(disk("usage_bytes", "containers"), 12);
  EXPECT_EQ(disk("reclaimable_bytes", "containers"), 5);
  EXPECT_EQ(disk("reclaimable_bytes", "volumes"), 30);
  EXPECT_EQ(disk("usage_bytes", "build_cache"), 42);
  EXPECT_EQ(disk("reclaimable_bytes", "build_cache"), 40);
  const auto age = value("chiron_container_disk_usage_age_seconds{socket=\"" + server_.path() + "\"}");
  ASSERT_TRUE(age);
  EXPECT_LT(*age, 60);
}

TEST_F(ContainersTest, TwoEnginesAtOnce) {
  Answers others;
  others.list = "[]";
  testing::EngineServer podman([&](std::string_view request) { return others(request); });
  const auto collector = make(std::vector{server_.path(), podman.path()});
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(value("chiron_container_engine_up{socket=\"" + server_.path() + "\"}"), 1);
  EXPECT_EQ(value("chiron_container_engine_up{socket=\"" + podman.path() + "\"}"), 1);
  EXPECT_EQ(value("container_memory_usage_bytes{" + web_ + "}"), 1000);
}

TEST_F(ContainersTest, AnEngineThatGoesSilentIsDownAndUsageGoesOn) {
  sign_of_life_ = milliseconds(20);
  auto server =
      std::make_unique<testing::EngineServer>([this](std::string_view request) { return answers_(request); });
  const std::string path = server->path();
  const auto collector = make(path);
  ASSERT_TRUE(pass(*collector).ok());
  server.reset();  // its socket goes with it
  ASSERT_TRUE(pass_until(*collector,
                         [&] { return value("chiron_container_engine_up{socket=\"" + path + "\"}") == 0; }));
  EXPECT_FALSE(pass(*collector).ok());
  EXPECT_EQ(value("container_memory_usage_bytes{" + web_ + "}"), 1000);
  EXPECT_EQ(value("chiron_container_restarts_total{" + web_ + "}"), 3);  // stands for a while
}

TEST_F(ContainersTest, AnEngineThatHangsIsDownAndUpAgainWithoutBeingAskedForAllOfIt) {
  sign_of_life_ = life_timeout_ = milliseconds(50);
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  const auto up = [&] { return value("chiron_container_engine_up{socket=\"" + server_.path() + "\"}"); };
  answers_.hanging = true;
  const bool seen_down = pass_until(*collector, [&] { return up() == 0; });
  EXPECT_EQ(pass(*collector).error().code(), ErrorCode::timed_out);
  EXPECT_EQ(value("chiron_container_restarts_total{" + web_ + "}"), 3) << "the last value stands for a while";
  answers_.hanging = false;
  answers_.hanging.notify_all();
  ASSERT_TRUE(seen_down);
  EXPECT_TRUE(pass_until(*collector, [&] { return up() == 1; }));
  EXPECT_EQ(server_.streams(), 1);
  EXPECT_EQ(answers_.inspections, 2);
}

TEST(ContainerWatchOptions, AHungEngineShowsWithinTwoSamplingIntervals) {
  constexpr Duration kSamplingInterval = seconds(5);
  const ContainerWatch::Options options;
  EXPECT_LE(options.sign_of_life + options.life_timeout + kSamplingInterval, 2 * kSamplingInterval);
}

TEST_F(ContainersTest, AContainerRemovedMeanwhileIsNoFault) {
  answers_.replace(answers_.list, kJob, "cccccccccccccccc");
  const auto collector = make(server_.path());
  EXPECT_TRUE(pass(*collector).ok());
  EXPECT_TRUE(value("container_memory_usage_bytes{" + labels(kWeb, "nginx:1.25", "web") + "}"));
}

TEST_F(ContainersTest, AGroupThatCannotBeSeenIsAFaultOfThatContainerOnly) {
  root_.write("proc/42/cgroup", "0::/../../elsewhere\n");
  const auto collector = make(server_.path());
  const Status status = pass(*collector);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().to_string().find("container web"), std::string::npos);
  EXPECT_EQ(value("chiron_container_exit_code{" + labels(kJob, "batch", "job") + "}"), 137);
  EXPECT_EQ(value("chiron_container_state{" + labels(kWeb, "nginx:1.25", "web") + ", state=\"running\"}"), 1);
}

TEST_F(ContainersTest, NoEngineIsNoData) {
  const auto collector = make(root_ / "none.sock");
  EXPECT_EQ(pass(*collector).error().code(), ErrorCode::no_data);
  const auto file = make(root_.write("file.sock", ""));
  EXPECT_EQ(pass(*file).error().code(), ErrorCode::no_data);
}

TEST_F(ContainersTest, AnEngineThatRefusesOrHangsIsAnError) {
  const std::string path = root_ / "dead.sock";
  const FileDescriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto refusing = make(path);
  const Status refused = pass(*refusing);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::unavailable);
  EXPECT_NE(refused.error().to_string().find("container engine " + path), std::string::npos);

  const testing::ScriptedServer silent;
  const auto hanging = make({silent.path()}, milliseconds(50));
  const Status hung = pass(*hanging);
  ASSERT_FALSE(hung.ok());
  EXPECT_EQ(hung.error().code(), ErrorCode::timed_out);
}

TEST_F(ContainersTest, AnAnswerThatIsNoneIsAnError) {
  for (const char* list :
       {"", "{", "{}", "[{}]", "[1]", R"j([{"Id":"../../etc/passwd"}])j", R"j([{"Id":7}])j"}) {
    answers_.list = list;
    const auto collector = make(server_.path());
    const Status status = pass(*collector);
    ASSERT_FALSE(status.ok()) << list;
    EXPECT_EQ(status.error().code(), ErrorCode::corrupt) << list;
  }
}

TEST(ContainerEngineDecoding, PodmansAnswers) {
  const auto detail = decode_container_detail(
      R"j({"Id":"aaaaaaaaaaaa","Name":"web","State":{"Status":"stopping","Pid":7,"ExitCode":0,"StartedAt":"2024-01-01T01:00:00.123456789+01:00",
          "Healthcheck":{"Status":"starting","FailingStreak":0,"Log":null}},"RestartCount":2,
          "HostConfig":{"CgroupParent":"machine.slice"}})j");
  ASSERT_TRUE(detail.ok());
  EXPECT_EQ(detail->name, "web");
  EXPECT_EQ(detail->state, "stopping");
  EXPECT_EQ(detail->health, "starting");
  EXPECT_NEAR(detail->started_at, 1704067200.123456789, 1e-6);
  EXPECT_EQ(detail->cgroup_parent, "machine.slice");
}

TEST(ContainerEngineDecoding, WrongTypesAndExtremesAreHarmless) {
  for (
      const char* json :
      {R"j({"Id":"aaaaaaaaaaaa","State":{"Pid":"x","ExitCode":1e400,"StartedAt":5,"Health":[]},"RestartCount":null})j",
       R"j({"Id":"aaaaaaaaaaaa","State":{"Pid":18446744073709551615,"StartedAt":"2024-13-45T99:99:99."}})j",
       R"j({"Id":"aaaaaaaaaaaa","State":{"StartedAt":"0001-01-01T00:00:00Z","Health":{"Status":"none"}}})j",
       R"j({"Id":"aaaaaaaaaaaa","State":{"StartedAt":"2024-01-01T00:00:00.123+"}})j"}) {
    const auto detail = decode_container_detail(json);
    if (!detail.ok()) {
      EXPECT_EQ(detail.error().code(), ErrorCode::corrupt);
      continue;
    }
    EXPECT_EQ(detail->pid, 0) << json;
    EXPECT_EQ(detail->health, "") << json;
  }
  EXPECT_EQ(decode_container_detail("{\"Id\":\"\xff\"}").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_container_detail(std::string(100'000, '[')).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_container_detail("[]").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_container_detail(R"j({"State":{}})j").error().code(), ErrorCode::corrupt);
  for (const char* event : {"", "[]", "7", R"j({"Type":"container","Actor":{"ID":"../x"}})j"}) {
    EXPECT_EQ(decode_container_event(event).error().code(), ErrorCode::corrupt) << event;
  }
  EXPECT_EQ(decode_container_event(R"j({"Type":"image","Action":"pull","id":"x"})j")->id, "");
  const auto disk =
      decode_engine_disk(R"j({"LayersSize":-1,"Images":{},"Volumes":[7,null],"BuildCache":"x"})j");
  ASSERT_TRUE(disk.ok());
  EXPECT_EQ(disk->images.bytes, 0);
  EXPECT_EQ(disk->volumes.objects, 2);
}

}  // namespace
}  // namespace chiron
