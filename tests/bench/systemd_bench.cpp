// CPU of a steady pass of the systemd collector over so many services, and of their page, with control groups
// of v2 as files of a temporary directory, against bare preads of the same files through kept descriptors, in
// one run. The files lie where a read costs less than the kernel takes to write such a file anew: the ratio
// on a host is lower. What is left out is the one call to systemd that a pass costs, however many units there
// are.
//   chiron_systemd_bench [PASSES]
// Fails when from 100 to 1,000 units the cost of one grows half as much again as that of its bare reads,
// which grows by itself once the files no longer fit the processor's caches, or that of its lines on the page
// grows by half.
#include "exporter/base/parse.h"
#include "exporter/collectors/systemd.h"
#include "exporter/series/exposition.h"
#include "tests/bench/measure.h"
#include "tests/support/collector_world.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

namespace chiron {
namespace {

constexpr std::array kSizes = {100, 1000};
constexpr double kLinear = 1.5;
/// LimitNOFILE= of deploy/chiron.service. The collector keeps a quarter of it.
constexpr rlim_t kShippedLimit = 16384;

/// What a service has that is read in every pass: file and text, as Linux 6.1 writes them.
struct File {
  const char* name;
  const char* text;
};
constexpr File kFiles[] = {
    {"cpu.stat",
     "usage_usec 418233901\nuser_usec 301118220\nsystem_usec 117115681\nnr_periods 0\nnr_throttled 0\n"
     "throttled_usec 0\nnr_bursts 0\nburst_usec 0\n"},
    {"memory.current", "73019392\n"},
    {"io.stat", "259:0 rbytes=38191104 wbytes=4096 rios=1204 wios=1 dbytes=0 dios=0\n"},
    {"pids.current", "3\n"},
};

/// Units that nothing happens to, but for what the bench says.
class SteadyWatch final : public UnitWatch {
 public:
  explicit SteadyWatch(WatchedUnits units) : units_(std::move(units)) {}
  Status update(Duration) override { return {}; }
  const WatchedUnits& units() const override { return units_; }
  const ManagerFacts& manager() const override { return manager_; }
  std::uint64_t revision() const override { return revision_; }
  Result<std::string> canonical_name(const std::string& name, Duration) override { return name; }

  /// One unit goes from active to failed, or back.
  void change_one() {
    std::string& state = units_.begin()->second.row.active_state;
    state = state == "active" ? "failed" : "active";
    ++revision_;
  }

 private:
  WatchedUnits units_;
  ManagerFacts manager_{.state = "running", .version = "252.39-1~deb12u1", .virtualization = "kvm"};
  std::uint64_t revision_ = 1;
};

class Host : testing::CollectorWorld {
 public:
  explicit Host(int units) {
    root_.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    WatchedUnits watched;
    for (int i = 0; i < units; ++i) {
      const std::string name = fmt::format("app-{:04}.service", i);
      const std::string group = "/system.slice/" + name;
      for (const File& file : kFiles)
        read_.push_back(root_.write("sys/fs/cgroup" + group + "/" + file.name, file.text));
      WatchedUnit& unit = watched[name];
      unit.row = {name, "", "loaded", "active", "running"};
      unit.detailed = true;
      unit.type = "notify";
      unit.active_enter_us = 1'700'000'000'500'000;
      unit.control_group = group;
      unit.tasks_max = 4915;
    }
    const auto make = [&](BusAddress, UnitInterest) {
      auto made = std::make_unique<SteadyWatch>(std::move(watched));
      watch_ = made.get();
      return made;
    };
    collector_ = *make_systemd_collector(default_context(paths_, *find_collector("systemd")), make);
  }

  void pass() {
    frame_.clear();
    if (!collector_->collect(frame_).ok()) std::abort();
  }
  void changed_pass() {
    watch_->change_one();
    pass();
  }
  /// The layout is kept while the series are the same, as the agent keeps it.
  void render() {
    if (!layout_ || !layout_->fits(frame_.entries())) layout_.emplace(catalogue_, frame_.entries());
    page_.clear();
    layout_->render(PageFormat::text, frame_.entries(), page_);
  }
  std::size_t series() const { return frame_.entries().size(); }
  const std::vector<std::string>& files() const { return read_; }

 private:
  testing::TempDir root_;
  HostPaths paths_{HostPaths::Roots{root_ / "proc", root_ / "sys", root_ / "root"}};
  Frame frame_;
  std::optional<ExpositionLayout> layout_;
  std::string page_;
  std::vector<std::string> read_;
  SteadyWatch* watch_ = nullptr;
  std::unique_ptr<Collector> collector_;
};

struct Costs {
  double unit, bare, line;
};

void limit_descriptors(rlim_t most) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(most, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Costs measure(int units, int passes, rlim_t limit) {
  limit_descriptors(limit);
  Host host(units);
  limit_descriptors(RLIM_INFINITY);
  host.pass();
  const double pass = median(passes, [&] { host.pass(); });
  const double changed = median(passes, [&] { host.changed_pass(); });
  host.render();
  const double render = median(passes, [&] { host.render(); });
  const double bare = bare_reads(passes, host.files());
  std::printf("%5d  %6zu  %10.0f  %7.0f  %7.2f  %9.0f  %9.0f  %13.0f  %5.2f\n", units, host.series(),
              static_cast<double>(limit), pass, pass / units, changed, render, bare, pass / bare);
  return {pass / units, bare / units, render / static_cast<double>(host.series())};
}

int run(int passes) {
  std::printf("units  series  descriptors  us/pass  us/unit  us/change  us/page  us/bare reads  ratio\n");
  std::vector<Costs> costs;
  for (const int size : kSizes) costs.push_back(measure(size, passes, kShippedLimit));
  const Costs &few = costs.front(), &many = costs.back();
  const double growth = many.unit / few.unit, bare_growth = many.bare / few.bare;
  const double line_growth = many.line / few.line;
  std::printf("a unit of %d costs %.2f of one of %d, its bare reads %.2f, a line of its page %.2f\n",
              kSizes.back(), growth, kSizes.front(), bare_growth, line_growth);
  return growth < kLinear * bare_growth && line_growth < kLinear ? 0 : 1;
}

}  // namespace
}  // namespace chiron

int main(int argc, char** argv) {
  const auto passes = chiron::parse_int<int>(argc > 1 ? argv[1] : "200");
  if (!passes || *passes < 1) {
    std::fprintf(stderr, "usage: chiron_systemd_bench [PASSES]\n");
    return 2;
  }
  return chiron::run(*passes);
}
