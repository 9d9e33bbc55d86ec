// What a rule costs per series once its selectors are resolved: a host's history of half an hour at 5 s.
#include "rules/promql/promql.h"
#include "tests/support/series_fixture.h"

#include <cstdlib>
#include <new>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

namespace {

std::size_t allocations = 0;

}  // namespace

// The benchmark counts them: a steady evaluation should make none. Not inlined:
// GCC 12 would see free() of what operator new gave, and warn (-Wmismatched-new-delete).
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace chiron::promql {
namespace {

constexpr std::array kExpressions = {
    "cpu_seconds_total > 1e12",
    "rate(cpu_seconds_total[5m]) > 1e12",
    "sum by (cpu) (rate(cpu_seconds_total[5m])) > 1e12",
    "avg_over_time(cpu_seconds_total[5m]) > 1e12",
    "cpu_seconds_total / on (cpu, mode) size > 1e12",
    "cpu_seconds_total * on (cpu) group_left (model) info > 1e12",
    "topk(3, cpu_seconds_total) > 1e12",
};

void evaluate(benchmark::State& state) {
  const auto series = static_cast<std::size_t>(state.range(1));
  chiron::testing::SeriesFixture host;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < series; ++i) {
    const std::string labels =
        fmt::format(R"(cpu="{}",mode="mode-{}",instance="host:9100",job="node")", i / 8, i % 8);
    lines.push_back(fmt::format("cpu_seconds_total{{{}}} {}+{}x360", labels, i, 1 + i % 7));
    lines.push_back(fmt::format("size{{{}}} 100x360", labels));
    if (i % 8 == 0) lines.push_back(fmt::format(R"(info{{cpu="{}",model="m"}} 1x360)", i / 8));
  }
  host.load(0, 5000, lines);
  const std::string_view text = kExpressions[static_cast<std::size_t>(state.range(0))];
  Query query(parse(text).expr, host.store());
  const TimestampMs now = host.store().newest();
  const auto first = query.elements(now);
  if (!first) state.SkipWithError(first.error().to_string().c_str());
  allocations = 0;
  for (auto _ : state) benchmark::DoNotOptimize(query.elements(now));
  state.SetLabel(std::string(text));
  state.SetItemsProcessed(state.iterations() * state.range(1));
  state.counters["allocations"] = static_cast<double>(allocations) / static_cast<double>(state.iterations());
}
BENCHMARK(evaluate)->ArgsProduct(
    {benchmark::CreateDenseRange(0, static_cast<int>(kExpressions.size()) - 1, 1), {64, 1000}});

void parse_rule(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(parse(R"((node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"} * 100)
        / node_filesystem_size_bytes < 10 and on (instance, device, mountpoint) node_filesystem_readonly == 0)"));
  }
}
BENCHMARK(parse_rule);

}  // namespace
}  // namespace chiron::promql

BENCHMARK_MAIN();
