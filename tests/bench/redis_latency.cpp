// What other clients of a Redis server notice of cache.prune: their latency while it runs, against the same
// server left alone, in one run. 100,000 keys, of which 40,000 match and are idle, in each round.
//   chiron_redis_latency [ROUNDS]
#include "exporter/base/parse.h"
#include "exporter/base/redis_client.h"
#include "remediation/actions/cache_prune.h"
#include "tests/support/recording_log.h"
#include "tests/support/redis_server.h"

#include <atomic>
#include <cstdio>
#include <thread>

namespace chiron::remediation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kClients = 2;
constexpr seconds kPatience(120);

/// Latencies in microseconds, one per request.
using Latencies = std::vector<double>;

/// A client that reads and writes keys of its own, two thousand times a second at most, until told to stop.
Latencies be_a_client(const std::string& server, int number, const std::atomic<bool>& stop) {
  Latencies latencies;
  Result<RedisClient> client = RedisClient::connect({.server = server});
  if (!client.ok()) return latencies;
  for (int i = 0; !stop; ++i) {
    const std::string key = "client:" + std::to_string(number) + ":" + std::to_string(i / 2 % 1000);
    const RedisCommand command = i % 2 == 0 ? RedisCommand{"SET", key, "value"} : RedisCommand{"GET", key};
    const BootTime start = system_clock().boot();
    if (!client->command(command, kPatience).ok()) break;
    latencies.push_back(std::chrono::duration<double, std::micro>(system_clock().boot() - start).count());
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  return latencies;
}

/// Runs `work` and returns what clients measured meanwhile.
Latencies measure(const std::string& server, const std::function<void()>& work) {
  std::atomic<bool> stop{false};
  std::vector<Latencies> each(kClients);
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] { each[static_cast<std::size_t>(i)] = be_a_client(server, i, stop); });
  }
  work();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Latencies all;
  for (const Latencies& one : each) all.insert(all.end(), one.begin(), one.end());
  return all;
}

bool fill(RedisClient& client) {
  if (!client.command({"FLUSHALL", "SYNC"}, kPatience).ok()) return false;
  if (!client.command({"SET", "seed", std::string(100, 'v')}, kPatience).ok()) return false;
  const Result<RedisReply> payload = client.command({"DUMP", "seed"}, kPatience);
  if (!payload.ok()) return false;
  std::vector<RedisCommand> commands;
  for (int i = 0; i < 100'000; ++i) {
    const bool idle = i % 5 < 2;
    commands.push_back({"RESTORE", (idle ? "cache:old:" : "cache:new:") + std::to_string(i), "0",
                        payload->text, "IDLETIME", idle ? "7200" : "10"});
  }
  return client.pipeline(commands, kPatience).ok();
}

Status prune(const std::string& server, Report& report) {
  CachePrune action;
  Arguments arguments;
  action.declare(arguments);
  const auto text = [](std::string value) {
    ArgumentValue argument;
    argument.texts = {std::move(value)};
    return argument;
  };
  ArgumentValue patterns = text("cache:*");
  patterns.shape = ArgumentValue::Shape::list;
  Status bound = arguments.bind({{"server", text(server)}, {"patterns", patterns}, {"idle", text("1h")}});
  if (!bound.ok()) return bound;
  const HostPaths paths;
  const DeletionPolicy deletion;
  const std::vector<std::string> services;
  Isolation isolation;
  ActionContext context{.paths = paths,
                        .clock = system_clock(),
                        .log = null_log(),
                        .isolation = isolation,
                        .cancel = CancelToken(),
                        .deadline = system_clock().boot() + kPatience,
                        .deletion = deletion,
                        .bus = {},
                        .watched_services = services,
                        .run_id = "bench"};
  return action.run(context, report);
}

double quantile(Latencies& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

void print(const char* what, Latencies& latencies) {
  std::sort(latencies.begin(), latencies.end());
  std::printf("%-10s %8zu requests   p50 %7.0f us   p99 %7.0f us   max %7.0f us\n", what, latencies.size(),
              quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 1));
}

int run(int rounds) {
  const testing::RedisServer server;
  Result<RedisClient> client = RedisClient::connect({.server = server.socket()});
  if (!server.ready() || !client.ok()) return std::puts("redis-server does not start"), 1;
  Latencies alone;
  Latencies pruned;
  Duration took{};
  for (int round = 0; round < rounds; ++round) {
    if (!fill(*client)) return std::puts("cannot fill the server"), 1;
    Latencies quiet = measure(server.socket(), [] { std::this_thread::sleep_for(seconds(1)); });
    alone.insert(alone.end(), quiet.begin(), quiet.end());
    Report report;
    Status status;
    const BootTime start = system_clock().boot();
    Latencies busy = measure(server.socket(), [&] { status = prune(server.socket(), report); });
    took += system_clock().boot() - start;
    pruned.insert(pruned.end(), busy.begin(), busy.end());
    if (!status.ok()) return std::printf("prune: %s\n", status.error().to_string().c_str()), 1;
    if (report.removed_objects != 40'000) return std::printf("removed %ju keys\n", report.removed_objects), 1;
  }
  print("alone", alone);
  print("pruning", pruned);
  std::printf("40,000 of 100,000 keys removed in %.0f ms (mean of %d)\n",
              std::chrono::duration<double, std::milli>(took).count() / rounds, rounds);
  const double p99 = quantile(pruned, 0.99);
  std::printf("p99 ratio %.2f; p99 while pruning is %s 5 ms\n", p99 / quantile(alone, 0.99),
              p99 < 5000 ? "below" : "NOT below");
  return p99 < 5000 ? 0 : 1;
}

}  // namespace
}  // namespace chiron::remediation

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? chiron::parse_int<int>(argv[1]).value_or(5) : 5;
  return chiron::remediation::run(std::max(rounds, 1));
}
