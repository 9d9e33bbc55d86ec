#include "exporter/collectors/probes.h"

#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"
#include "tests/support/redis_server.h"
#include "tests/support/scripted_server.h"

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ProbeSpec spec(std::string name, ProbeModule module, std::string target) {
  ProbeSpec spec;
  spec.name = std::move(name);
  spec.module = module;
  spec.target = std::move(target);
  return spec;
}

class ProbesTest : public ::testing::Test {
 protected:
  std::unique_ptr<Collector> make(std::vector<ProbeSpec> probes) {
    auto made = make_probes_collector({paths_, clock_, catalogue_, log_, files_, {}, {}, {}, std::move(probes)});
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().to_string());
    return std::move(*made);
  }
  /// Passes without time going by until the series has a value: the probe's thread has its own pace.
  std::optional<double> wait_for(Collector& collector, const std::string& series) {
    const BootTime end = system_clock().boot() + seconds(20);
    do {
      pass(collector);
      if (const auto found = value(series)) return found;
    } while (system_clock().boot() < end);
    return std::nullopt;
  }
  void pass(Collector& collector) {
    frame_.clear();
    const Status status = collector.collect(frame_);
    EXPECT_TRUE(status.ok());
  }
  std::optional<double> value(const std::string& series) const {
    for (const FrameEntry& entry : frame_.entries()) {
      if (catalogue_.labels(entry.id).to_string() == series) return entry.value;
    }
    return std::nullopt;
  }
  static std::string labels(const ProbeSpec& spec, const char* module) {
    return std::string("{module=\"") + module + "\", probe=\"" + spec.name + "\", target=\"" + spec.target +
           "\"}";
  }

  HostPaths paths_;
  testing::FakeClock clock_;
  testing::RecordingLog log_;
  PassFiles files_{clock_};
  Catalogue catalogue_;
  Frame frame_;
};

TEST_F(ProbesTest, NoneConfiguredIsNoData) {
  const auto collector = make({});
  EXPECT_EQ(collector->collect(frame_).error().code(), ErrorCode::no_data);
}

TEST_F(ProbesTest, ConnectsToTcpAndUnixSockets) {
  const testing::ScriptedServer tcp(nullptr, testing::ScriptedServer::Kind::tcp);
  const testing::ScriptedServer local;
  const ProbeSpec up = spec("up", ProbeModule::tcp, tcp.address());
  const ProbeSpec socket = spec("socket", ProbeModule::unix_socket, local.path());
  const ProbeSpec down = spec("down", ProbeModule::tcp, "127.0.0.1:1");
  const auto collector = make({up, socket, down});
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(up, "tcp")), 1);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(socket, "unix")), 1);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(down, "tcp")), 0);
  EXPECT_GE(value("probe_duration_seconds" + labels(up, "tcp")), 0.0);
  EXPECT_EQ(
      log_.count("warning probe failed probe=down target=127.0.0.1:1 error=connect: Connection refused"), 1u);
  EXPECT_EQ(log_.count("probe=up"), 0u);
}

TEST_F(ProbesTest, JudgesHttpByStatusAndBody) {
  const testing::ScriptedServer server(
      [](std::string_view request) -> std::string {
        if (request.starts_with("GET /missing ")) return "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
        return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
      },
      testing::ScriptedServer::Kind::tcp);
  const std::string url = "http://" + server.address();
  const ProbeSpec good = spec("good", ProbeModule::http, url + "/");
  const ProbeSpec missing = spec("missing", ProbeModule::http, url + "/missing");
  ProbeSpec expected = spec("expected", ProbeModule::http, url + "/missing");
  expected.valid_status = {404};
  ProbeSpec body = spec("body", ProbeModule::http, url + "/");
  body.body_regex = "^hel+o$";
  ProbeSpec other = spec("other", ProbeModule::http, url + "/");
  other.body_regex = "bye";
  const auto collector = make({good, missing, expected, body, other});
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(good, "http")), 1);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(missing, "http")), 0);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(expected, "http")), 1);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(body, "http")), 1);
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(other, "http")), 0);
  EXPECT_EQ(value("probe_http_status_code" + labels(good, "http")), 200);
  EXPECT_EQ(value("probe_http_status_code" + labels(missing, "http")), 404);
  EXPECT_EQ(value("probe_http_content_length" + labels(good, "http")), 5);
  EXPECT_EQ(value("probe_failed_due_to_regex" + labels(body, "http")), 0);
  EXPECT_EQ(value("probe_failed_due_to_regex" + labels(other, "http")), 1);
  EXPECT_EQ(value("probe_failed_due_to_regex" + labels(good, "http")), std::nullopt);
}

TEST_F(ProbesTest, AsksRedis) {
  const testing::RedisServer server({"--requirepass", "secret", "--maxmemory", "100mb"});
  ASSERT_TRUE(server.ready());
  ProbeSpec redis = spec("cache", ProbeModule::redis, server.socket());
  redis.password_file = server.dir().write("password", "secret\n");
  const ProbeSpec denied = spec("denied", ProbeModule::redis, server.socket());
  const auto collector = make({redis, denied});
  EXPECT_EQ(wait_for(*collector, "redis_up" + labels(redis, "redis")), 1);
  EXPECT_EQ(value("probe_success" + labels(redis, "redis")), 1);
  EXPECT_GT(value("redis_memory_used_bytes" + labels(redis, "redis")), 100'000);
  EXPECT_EQ(value("redis_memory_max_bytes" + labels(redis, "redis")), 100 << 20);
  EXPECT_EQ(value("redis_db_keys{db=\"db0\", " + labels(redis, "redis").substr(1)), 0);
  EXPECT_EQ(wait_for(*collector, "redis_up" + labels(denied, "redis")), 0);
  EXPECT_EQ(value("redis_memory_used_bytes" + labels(denied, "redis")), std::nullopt);
}

TEST_F(ProbesTest, RunsOnItsIntervalAndSeesRecovery) {
  testing::TempDir dir;
  const ProbeSpec probe = spec("late", ProbeModule::unix_socket, dir / "server.sock");
  const auto collector = make({probe});
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(probe, "unix")), 0);
  const testing::ScriptedServer server;
  std::filesystem::create_symlink(server.path(), dir / "server.sock");
  clock_.advance(seconds(5));
  for (int i = 0; i < 3; ++i) pass(*collector);
  EXPECT_EQ(value("probe_success" + labels(probe, "unix")), 0);
  EXPECT_EQ(server.connections(), 0);
  clock_.advance(seconds(10));
  const BootTime end = system_clock().boot() + seconds(20);
  do pass(*collector);
  while (value("probe_success" + labels(probe, "unix")) == 0 && system_clock().boot() < end);
  EXPECT_EQ(value("probe_success" + labels(probe, "unix")), 1);
  EXPECT_EQ(log_.count("info probe succeeds again probe=late"), 1u);
}

TEST_F(ProbesTest, AHungTargetKeepsNobodyWaitingAndCountsAsFailed) {
  const testing::RedisServer hung;
  ASSERT_TRUE(hung.ready());
  hung.hang();
  const testing::ScriptedServer server;
  ProbeSpec hangs = spec("hangs", ProbeModule::redis, hung.socket());
  hangs.timeout = seconds(30);
  const ProbeSpec good = spec("good", ProbeModule::unix_socket, server.path());
  auto collector = make({hangs, good});
  EXPECT_EQ(wait_for(*collector, "probe_success" + labels(good, "unix")), 1);
  EXPECT_EQ(value("probe_success" + labels(hangs, "redis")), std::nullopt);
  clock_.advance(seconds(44));
  pass(*collector);
  EXPECT_EQ(value("probe_success" + labels(hangs, "redis")), std::nullopt);
  clock_.advance(seconds(60));
  pass(*collector);
  EXPECT_EQ(value("probe_success" + labels(hangs, "redis")), 0);
  EXPECT_EQ(value("redis_up" + labels(hangs, "redis")), 0);
  const BootTime start = system_clock().boot();
  collector.reset();
  EXPECT_LT(system_clock().boot() - start, seconds(10));
}

TEST_F(ProbesTest, RefusesTargetsThatDoNotFit) {
  struct Case {
    ProbeSpec spec;
    const char* part;
  };
  ProbeSpec pattern = spec("p", ProbeModule::http, "http://localhost/");
  pattern.body_regex = "(";
  ProbeSpec zero = spec("p", ProbeModule::tcp, "a:1");
  zero.interval = {};
  ProbeSpec endless = spec("p", ProbeModule::tcp, "a:1");
  endless.timeout = Duration::max();
  const std::vector<Case> cases = {{spec("p", ProbeModule::http, "localhost"), "http://"},
                                   {spec("p", ProbeModule::tcp, "/run/x"), "HOST:PORT"},
                                   {spec("p", ProbeModule::tcp, "host"), "HOST:PORT"},
                                   {spec("p", ProbeModule::unix_socket, "host:1"), "absolute path"},
                                   {spec("p", ProbeModule::redis, ""), "HOST:PORT"},
                                   {zero, "interval"},
                                   {endless, "a year at most"},
                                   {pattern, "body_regex"}};
  for (const Case& each : cases) {
    const auto made = make_probes_collector({paths_, clock_, catalogue_, log_, files_, {}, {}, {}, {each.spec}});
    ASSERT_FALSE(made.ok()) << each.part;
    EXPECT_NE(made.error().to_string().find("probe p"), std::string::npos);
    EXPECT_NE(made.error().to_string().find(each.part), std::string::npos) << made.error().to_string();
  }
}

}  // namespace
}  // namespace chiron
