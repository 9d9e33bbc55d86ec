#include "exporter/collectors/containers.h"

#include "exporter/base/file.h"
#include "exporter/collectors/container_engine.h"
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

std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// An engine with two containers, as Docker 20.10 answers; the test changes the answers.
struct Answers {
  std::string list = R"j([{"Id":")j" + kWeb + R"j(","Names":["/other/alias","/web"],"Image":"nginx:1.25",
      "State":"running","Status":"Up 5 minutes (healthy)"},
     {"Id":")j" + kJob +
                     R"j(","Names":["/job"],"Image":"batch",
      "State":"exited","Status":"Exited (137) 2 hours ago"}])j";
  std::string web = R"j({"State":{"Status":"running","Running":true,"Pid":42,"ExitCode":0,
     "StartedAt":"2024-01-01T00:00:00.5Z","Health":{"Status":"healthy","FailingStreak":0}},
     "RestartCount":3,"HostConfig":{"CgroupParent":""}})j";
  std::string job =
      R"j({"State":{"Status":"exited","Pid":0,"ExitCode":137,"StartedAt":"2024-01-01T02:00:00+02:00"},
     "RestartCount":0,"HostConfig":{"CgroupParent":""}})j";
  std::string info = R"j({"CgroupDriver":"systemd"})j";
  std::atomic<int> inspections{0};
  std::mutex mutex;

  std::string operator()(std::string_view request) {
    const std::lock_guard lock(mutex);
    if (request.starts_with("GET /containers/json?all=true ")) return http(200, list);
    if (request.starts_with("GET /info ")) return http(200, info);
    ++inspections;
    if (request.starts_with("GET /containers/" + kWeb + "/json ")) return http(200, web);
    if (request.starts_with("GET /containers/" + kJob + "/json ")) return http(200, job);
    return http(404, R"j({"message":"no such container"})j");
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
  }

  CollectorContext context(const std::string& socket) {
    CollectorContext context{paths_, clock_, catalogue_, log_, files_, {}, {}, {}, {}, seconds(20)};
    context.options.set("docker-socket", {socket});
    return context;
  }
  std::unique_ptr<Collector> make(const std::string& socket) {
    // The socket lies outside the fake root, which paths_ puts in front of every path of the host.
    CollectorContext with = context(socket);
    return std::move(*make_containers_collector(std::move(with)));
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
  PassFiles files_;
  Catalogue catalogue_;
  Frame frame_;
  Answers answers_;
  testing::ScriptedServer server_{[this](std::string_view request) { return answers_(request); }};
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
  EXPECT_EQ(value("container_health_state{" + job + "}"), -1);
  EXPECT_EQ(value("chiron_container_state{" + web + ", state=\"running\"}"), 1);
  EXPECT_EQ(value("chiron_container_state{" + web + ", state=\"exited\"}"), 0);
  EXPECT_EQ(value("chiron_container_state{" + job + ", state=\"exited\"}"), 1);
  EXPECT_EQ(value("chiron_container_health{" + web + ", status=\"healthy\"}"), 1);
  EXPECT_EQ(value("chiron_container_health{" + web + ", status=\"unhealthy\"}"), 0);
  EXPECT_EQ(value("chiron_container_restarts_total{" + web + "}"), 3);
  EXPECT_EQ(value("chiron_container_exit_code{" + job + "}"), 137);
  EXPECT_EQ(value("chiron_container_exit_code{" + web + "}"), std::nullopt);
  EXPECT_EQ(value("container_last_seen{" + job + "}"), std::nullopt);
}

TEST_F(ContainersTest, InspectsAgainOnlyWhatChanged) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(answers_.inspections, 2);
  answers_.replace(answers_.list, "(healthy)", "(unhealthy)");
  answers_.replace(answers_.web, "\"healthy\"", "\"unhealthy\"");
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(answers_.inspections, 3);
  EXPECT_EQ(value("chiron_container_health{" + labels(kWeb, "nginx:1.25", "web") + ", status=\"unhealthy\"}"),
            1);
  EXPECT_EQ(value("container_health_state{" + labels(kWeb, "nginx:1.25", "web") + "}"), 0);
}

TEST_F(ContainersTest, ARestartThatTheRowDoesNotShowIsSeenByTheProcess) {
  const auto collector = make(server_.path());
  ASSERT_TRUE(pass(*collector).ok());
  answers_.replace(answers_.web, "\"Pid\":42", "\"Pid\":43");
  answers_.replace(answers_.web, "\"RestartCount\":3", "\"RestartCount\":4");
  std::filesystem::rename(root_ / "proc/42", root_ / "proc/43");
  ASSERT_TRUE(pass(*collector).ok());
  EXPECT_EQ(value("chiron_container_restarts_total{" + labels(kWeb, "nginx:1.25", "web") + "}"), 4);
  EXPECT_EQ(value("container_memory_usage_bytes{" + labels(kWeb, "nginx:1.25", "web") + "}"), 1000);
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
  CollectorContext with = context(silent.path());
  with.deadline = milliseconds(50);
  const auto hanging = std::move(*make_containers_collector(std::move(with)));
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
  const auto rows =
      decode_container_list(R"j([{"Id":")j" + kWeb +
                            R"j(","Names":["web"],"Image":"docker.io/library/nginx","State":"stopping"}])j");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->front().name, "web");
  EXPECT_EQ(rows->front().state, "stopping");
  const auto detail = decode_container_detail(
      R"j({"State":{"Pid":7,"ExitCode":0,"StartedAt":"2024-01-01T01:00:00.123456789+01:00",
          "Healthcheck":{"Status":"starting","FailingStreak":0,"Log":null}},"RestartCount":2,
          "HostConfig":{"CgroupParent":"machine.slice"}})j");
  ASSERT_TRUE(detail.ok());
  EXPECT_EQ(detail->health, "starting");
  EXPECT_NEAR(detail->started_at, 1704067200.123456789, 1e-6);
  EXPECT_EQ(detail->cgroup_parent, "machine.slice");
}

TEST(ContainerEngineDecoding, WrongTypesAndExtremesAreHarmless) {
  for (const char* json :
       {R"j({"State":{"Pid":"x","ExitCode":1e400,"StartedAt":5,"Health":[]},"RestartCount":null})j",
        R"j({"State":{"Pid":18446744073709551615,"StartedAt":"2024-13-45T99:99:99."}})j",
        R"j({"State":{"StartedAt":"0001-01-01T00:00:00Z","Health":{"Status":"none"}}})j",
        R"j({"State":{"StartedAt":"2024-01-01T00:00:00.123+"}})j"}) {
    const auto detail = decode_container_detail(json);
    if (!detail.ok()) {
      EXPECT_EQ(detail.error().code(), ErrorCode::corrupt);
      continue;
    }
    EXPECT_EQ(detail->pid, 0) << json;
    EXPECT_EQ(detail->health, "") << json;
  }
  EXPECT_EQ(decode_container_detail("{\"State\":\"\xff\"}").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_container_detail(std::string(100'000, '[')).error().code(), ErrorCode::corrupt);
  EXPECT_EQ(decode_container_detail("[]").error().code(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace chiron
