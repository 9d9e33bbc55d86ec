#include "remediation/actions/cache_prune.h"

#include "exporter/base/redis_client.h"
#include "tests/support/recording_log.h"
#include "tests/support/redis_server.h"

#include <thread>

namespace chiron::remediation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ArgumentValue text(std::string value) {
  ArgumentValue argument;
  argument.texts = {std::move(value)};
  return argument;
}
ArgumentValue list(std::vector<std::string> values) {
  ArgumentValue argument;
  argument.shape = ArgumentValue::Shape::list;
  argument.texts = std::move(values);
  return argument;
}

class CachePruneTest : public ::testing::Test {
 protected:
  ActionContext context(Duration timeout = seconds(60)) {
    return {.paths = paths_,
            .clock = system_clock(),
            .log = log_,
            .isolation = isolation_,
            .cancel = cancel_,
            .deadline = system_clock().boot() + timeout,
            .deletion = deletion_,
            .bus = {},
            .watched_services = services_,
            .run_id = "test"};
  }

  static Status fill(CachePrune& action, const ArgumentValues& values) {
    Arguments arguments;
    action.declare(arguments);
    if (Status bound = arguments.bind(values); !bound.ok()) return bound;
    return action.validate();
  }

  /// Fills, checks and runs.
  Status run(const ArgumentValues& values, Duration timeout = seconds(60)) {
    CachePrune action;
    if (Status filled = fill(action, values); !filled.ok()) return filled;
    ActionContext with = context(timeout);
    report_ = {};
    return action.run(with, report_);
  }

  Result<Plan> plan(const ArgumentValues& values) {
    CachePrune action;
    if (Status filled = fill(action, values); !filled.ok()) return filled.error();
    ActionContext with = context();
    return action.plan(with);
  }

  std::string fact(std::string_view name) const {
    for (const auto& [key, value] : report_.facts) {
      if (key == name) return value;
    }
    return "";
  }

  HostPaths paths_;
  testing::RecordingLog log_;
  Isolation isolation_;
  CancelToken cancel_;
  DeletionPolicy deletion_;
  std::vector<std::string> services_;
  Report report_;
};

/// A client for the test itself.
class Keys {
 public:
  explicit Keys(const testing::RedisServer& server, int database = 0)
      : client_(
            RedisClient::connect({.server = server.socket(), .database = database, .timeout = seconds(20)})) {
  }

  RedisReply ask(const RedisCommand& command) {
    if (!client_.ok()) {
      ADD_FAILURE() << client_.error().to_string();
      return {};
    }
    const auto reply = client_->command(command, seconds(60));
    EXPECT_TRUE(reply.ok()) << (reply.ok() ? "" : reply.error().to_string());
    return reply.ok() ? *reply : RedisReply{};
  }
  /// `count` keys PREFIX0, PREFIX1, ... that were last used `idle` ago.
  void make(const std::string& prefix, int count, seconds idle, std::size_t size = 16) {
    ask({"SET", "seed", std::string(size, 'v')});
    const std::string payload = ask({"DUMP", "seed"}).text;
    ask({"DEL", "seed"});
    std::vector<RedisCommand> commands;
    for (int i = 0; i < count; ++i) {
      commands.push_back(
          {"RESTORE", prefix + std::to_string(i), "0", payload, "IDLETIME", std::to_string(idle.count())});
    }
    ASSERT_TRUE(client_.ok());
    const auto replies = client_->pipeline(commands, seconds(60));
    ASSERT_TRUE(replies.ok());
    for (const RedisReply& reply : *replies) ASSERT_EQ(reply.text, "OK");
  }
  std::size_t matching(const std::string& pattern) { return ask({"KEYS", pattern}).elements.size(); }
  std::int64_t size() { return ask({"DBSIZE"}).integer; }

 private:
  Result<RedisClient> client_;
};

TEST_F(CachePruneTest, RemovesExactlyWhatMatchesAndIsIdle) {
  const testing::RedisServer server;
  Keys keys(server);
  keys.make("cache:old:", 40'000, seconds(7200));
  keys.make("cache:new:", 30'000, seconds(10));
  keys.make("session:old:", 30'000, seconds(7200));
  const Status status =
      run({{"server", text(server.socket())}, {"patterns", list({"cache:*"})}, {"idle", text("1h")}});
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(report_.removed_objects, 40'000u);
  EXPECT_EQ(keys.matching("cache:old:*"), 0u);
  EXPECT_EQ(keys.matching("cache:new:*"), 30'000u);
  EXPECT_EQ(keys.matching("session:old:*"), 30'000u);
  EXPECT_GT(report_.freed_bytes, 40'000u * 30);
  EXPECT_LT(report_.freed_bytes, 40'000u * 300);
}

TEST_F(CachePruneTest, SeveralPatternsAndAnotherDatabase) {
  const testing::RedisServer server;
  Keys first(server);
  first.make("a:", 100, seconds(7200));
  Keys second(server, 2);
  second.make("a:", 100, seconds(7200));
  second.make("b:", 100, seconds(7200));
  second.make("c:", 100, seconds(7200));
  ASSERT_TRUE(
      run({{"server", text(server.socket())}, {"patterns", list({"a:*", "b:?"})}, {"db", text("2")}}).ok());
  EXPECT_EQ(report_.removed_objects, 110u);
  EXPECT_EQ(first.size(), 100);
  EXPECT_EQ(second.matching("b:*"), 90u);
  EXPECT_EQ(second.matching("c:*"), 100u);
}

TEST_F(CachePruneTest, PlanCountsAndLeavesIdleTimeAlone) {
  const testing::RedisServer server;
  Keys keys(server);
  keys.make("cache:old:", 1000, seconds(7200), 1000);
  keys.make("cache:new:", 500, seconds(10));
  const auto planned =
      plan({{"server", text(server.socket())}, {"patterns", list({"cache:*"})}, {"idle", text("1h")}});
  ASSERT_TRUE(planned.ok()) << planned.error().to_string();
  EXPECT_EQ(planned->objects, 1000u);
  EXPECT_GT(planned->bytes, 1'000'000u);
  EXPECT_LT(planned->bytes, 2'000'000u);
  ASSERT_EQ(planned->items.size(), 1u);
  EXPECT_EQ(planned->items[0].what, "keys cache:*");
  EXPECT_EQ(keys.size(), 1500);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_GE(keys.ask({"OBJECT", "IDLETIME", "cache:old:" + std::to_string(i)}).integer, 7200);
  }
}

TEST_F(CachePruneTest, StopsAtTheMostKeys) {
  const testing::RedisServer server;
  Keys keys(server);
  keys.make("k:", 1000, seconds(7200));
  for (const char* idle : {"1h", "0s"}) {
    const std::int64_t before = keys.size();
    ASSERT_TRUE(run({{"server", text(server.socket())},
                     {"patterns", list({"k:*"})},
                     {"idle", text(idle)},
                     {"max_keys", text("130")}})
                    .ok());
    EXPECT_EQ(report_.removed_objects, 130u);
    EXPECT_EQ(fact("stopped_by"), "max_keys");
    EXPECT_EQ(keys.size(), before - 130);
  }
}

TEST_F(CachePruneTest, StopsAtTheTargetMemory) {
  const testing::RedisServer server({"--maxmemory", "200mb"});
  Keys keys(server);
  keys.make("k:", 1000, seconds(7200), 20'000);
  ASSERT_TRUE(
      run({{"server", text(server.socket())}, {"idle", text("1h")}, {"target_memory", text("8%")}}).ok());
  EXPECT_EQ(fact("target_memory"), std::to_string(16 << 20));
  EXPECT_EQ(fact("target_reached"), "yes");
  EXPECT_GT(keys.size(), 400);
  EXPECT_LT(keys.size(), 900);

  const Status again =
      run({{"server", text(server.socket())}, {"idle", text("1h")}, {"target_memory", text("8%")}});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(report_.removed_objects, 0u);
  const auto planned =
      plan({{"server", text(server.socket())}, {"idle", text("1h")}, {"target_memory", text("8%")}});
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->objects, 0u);
}

TEST_F(CachePruneTest, AShareOfNoLimitIsRefused) {
  const testing::RedisServer server;
  const Status status =
      run({{"server", text(server.socket())}, {"idle", text("1h")}, {"target_memory", text("80%")}});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().to_string().find("maxmemory"), std::string::npos);
}

TEST_F(CachePruneTest, WorksOnAServerWithoutAFreeByte) {
  const testing::RedisServer server({"--maxmemory", "10mb", "--maxmemory-policy", "noeviction"});
  Keys keys(server);
  keys.make("k:", 1000, seconds(7200), 5000);
  keys.ask({"CONFIG", "SET", "maxmemory", "1mb"});
  ASSERT_TRUE(
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}, {"idle", text("1h")}}).ok());
  EXPECT_EQ(keys.size(), 0);
}

TEST_F(CachePruneTest, WorksOnANodeOfACluster) {
  const testing::RedisServer server({"--cluster-enabled", "yes", "--port", "0"});
  Keys keys(server);
  keys.ask({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
  for (BootTime end = system_clock().boot() + seconds(30); system_clock().boot() < end && !HasFailure();) {
    if (keys.ask({"CLUSTER", "INFO"}).text.starts_with("cluster_state:ok")) break;
  }
  keys.make("k:", 300, seconds(7200));
  const Status status =
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}, {"idle", text("1h")}});
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(keys.size(), 0);
}

TEST_F(CachePruneTest, RefusesAReplica) {
  const testing::RedisServer server({"--replicaof", "127.0.0.1 1"});
  ASSERT_TRUE(server.ready());
  const Status status = run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_NE(status.error().to_string().find("replica"), std::string::npos);
}

TEST_F(CachePruneTest, SaysThatAnLfuPolicyKeepsNoIdleTime) {
  const testing::RedisServer server({"--maxmemory-policy", "allkeys-lfu"});
  ASSERT_TRUE(server.ready());
  const Status status =
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}, {"idle", text("1h")}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_NE(status.error().to_string().find("maxmemory-policy is allkeys-lfu"), std::string::npos);
  EXPECT_TRUE(run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}}).ok());
}

TEST_F(CachePruneTest, RefusesWhatWouldEmptyTheDatabase) {
  const ArgumentValue server = text("/run/redis.sock");
  struct Case {
    ArgumentValues values;
    const char* part;
  };
  const std::vector<Case> cases = {
      {{{"server", server}, {"patterns", list({"*"})}}, "idle"},
      {{{"server", server}, {"patterns", list({"a:*", "**"})}}, "idle"},
      {{{"server", server}, {"patterns", list({"?*"})}}, "idle"},
      {{{"server", server}, {"patterns", list({""})}, {"idle", text("1h")}}, "empty pattern"},
      {{{"server", server}}, "patterns"},
      {{{"server", server}, {"idle", text("1h")}}, "patterns"},
      {{{"server", server}, {"target_memory", text("1GiB")}}, "idle"},
      {{{"server", server}, {"patterns", list({"a"})}, {"idle", text("1y")}}, "194 days"},
      {{{"server", server}, {"patterns", list({"a"})}, {"batch", text("0")}}, "batch"},
      {{{"server", server}, {"patterns", list({"a"})}, {"max_keys", text("-1")}}, "max_keys"},
      {{{"server", server}, {"patterns", list({"a"})}, {"db", text("-1")}}, "db"},
      {{{"server", text("nonsense")}, {"patterns", list({"a"})}}, "HOST:PORT"},
  };
  for (const Case& each : cases) {
    CachePrune action;
    const Status status = fill(action, each.values);
    ASSERT_FALSE(status.ok()) << each.part;
    EXPECT_EQ(status.error().code(), ErrorCode::invalid_argument);
    EXPECT_NE(status.error().to_string().find(each.part), std::string::npos) << status.error().to_string();
  }
}

TEST_F(CachePruneTest, AServerThatIsAbsentOrHangsEndsInTime) {
  const testing::TempDir dir;
  const Status absent = run({{"server", text(dir / "none.sock")}, {"patterns", list({"k:*"})}});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().to_string(),
            "redis " + (dir / "none.sock") + ": connect: No such file or directory");

  const testing::RedisServer server;
  server.hang();
  const BootTime start = system_clock().boot();
  const Status hung =
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}}, milliseconds(100));
  ASSERT_FALSE(hung.ok());
  EXPECT_EQ(hung.error().code(), ErrorCode::timed_out);
  EXPECT_LT(system_clock().boot() - start, seconds(10));
}

TEST_F(CachePruneTest, AServerThatDiesHalfWayLeavesAReportOfWhatWasDone) {
  testing::RedisServer server;
  Keys keys(server);
  keys.make("k:", 50'000, seconds(7200));
  std::thread killer([&] {
    while (keys.size() > 49'000) std::this_thread::yield();
    server.die();
  });
  const Status status =
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}, {"idle", text("1h")}});
  killer.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::unavailable);
  // What the server did and could not say any more is missing.
  EXPECT_GE(report_.removed_objects, 500u);
  EXPECT_LT(report_.removed_objects, 50'000u);
  EXPECT_EQ(status.error().message(), "stopped after " + std::to_string(report_.removed_objects) + " keys");
  EXPECT_NE(report_.summary, "");
}

TEST_F(CachePruneTest, StopsWhenCancelled) {
  const testing::RedisServer server;
  Keys keys(server);
  keys.make("k:", 50'000, seconds(7200));
  std::thread canceller([&] {
    while (keys.size() > 49'000) std::this_thread::yield();
    cancel_.cancel();
  });
  const Status status =
      run({{"server", text(server.socket())}, {"patterns", list({"k:*"})}, {"idle", text("1h")}});
  canceller.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
  EXPECT_GT(keys.size(), 0);
}

}  // namespace
}  // namespace chiron::remediation
