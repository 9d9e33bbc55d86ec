// CPU of a pass of the containers collector over so many containers, of cgroup v2 under a scripted engine,
// against bare preads of the same files through kept descriptors, in one run. The files lie in a temporary
// directory, where a read costs less than the kernel takes to write such a file anew: the ratio on a host is
// lower.
//   chiron_containers_bench [PASSES]
// Fails when from 50 to 200 containers the cost of one grows half as much again as that of its bare reads,
// which grows by itself once the files no longer fit the processor's caches.
#include "exporter/base/parse.h"
#include "exporter/collectors/containers.h"
#include "exporter/series/exposition.h"
#include "tests/bench/measure.h"
#include "tests/support/collector_world.h"
#include "tests/support/engine_server.h"

#include <array>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

namespace chiron {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::array kSizes = {50, 100, 200};
constexpr double kLinear = 1.5;

std::string id_of(int number) { return fmt::format("{:064x}", 0xc0ffee0000 + number); }

/// What a running container has that is read in every pass: file and text, as Linux 6.1 writes them.
struct File {
  const char* name;
  const char* text;
};
constexpr File kFiles[] = {
    {"cpu.stat",
     "usage_usec 418233901\nuser_usec 301118220\nsystem_usec 117115681\nnr_periods 90211\nnr_throttled 412\n"
     "throttled_usec 18233110\nnr_bursts 0\nburst_usec 0\n"},
    {"memory.current", "73019392\n"},
    {"memory.stat",
     "anon 21610496\nfile 48758784\nkernel 2650112\nkernel_stack 196608\npagetables 688128\nsec_pagetables "
     "0\n"
     "percpu 3168\nsock 8192\nvmalloc 0\nshmem 0\nfile_mapped 9043968\nfile_dirty 0\nfile_writeback 0\n"
     "swapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 21610496\nactive_anon 4096\n"
     "inactive_file 30183424\nactive_file 18575360\nunevictable 0\nslab_reclaimable 1189952\n"
     "slab_unreclaimable 442480\nslab 1632432\nworkingset_refault_anon 0\nworkingset_refault_file 12\n"
     "pgscan 0\npgsteal 0\npgfault 48120\npgmajfault 31\npgrefill 0\npgactivate 2201\npgdeactivate 0\n"},
    {"memory.peak", "78262272\n"},
    {"memory.swap.current", "0\n"},
    {"memory.events", "low 0\nhigh 0\nmax 17\noom 0\noom_kill 0\noom_group_kill 0\n"},
    {"io.stat", "259:0 rbytes=38191104 wbytes=4096 rios=1204 wios=1 dbytes=0 dios=0\n"},
    {"pids.current", "3\n"},
    {"cgroup.procs", "2101\n2133\n2134\n"},
};
constexpr File kLimits[] = {{"cpu.max", "50000 100000\n"},
                            {"cpu.weight", "39\n"},
                            {"memory.max", "268435456\n"},
                            {"pids.max", "18932\n"}};
constexpr const char* kNetwork =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
    "carrier compressed\n"
    "    lo:  812340    9211    0    0    0     0          0         0   812340    9211    0    0    0     0 "
    "      "
    "0          0\n"
    "  eth0: 192837465 201233    0   12    0     0          0         0 987654321 301233    0    0    0     "
    "0       "
    "0          0\n";

class Host : testing::CollectorWorld {
 public:
  explicit Host(int containers) : containers_(containers) {
    root_.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    for (int i = 0; i < containers; ++i) {
      const std::string group = "/system.slice/docker-" + id_of(i) + ".scope";
      const std::string process = "proc/" + std::to_string(1000 + i);
      root_.write(process + "/cgroup", "0::" + group + "\n");
      read_.push_back(root_.write(process + "/net/dev", kNetwork));
      for (const File& file : kFiles)
        read_.push_back(root_.write("sys/fs/cgroup" + group + "/" + file.name, file.text));
      for (const File& file : kLimits) root_.write("sys/fs/cgroup" + group + "/" + file.name, file.text);
    }
    CollectorContext context = default_context(paths_, *find_collector("containers"));
    context.options.set("socket", {engine_.path()});
    context.options.set("disk-usage-interval", {"0"});
    collector_ = std::move(
        *make_containers_collector(std::move(context), {.timeout = seconds(60), .sign_of_life = hours(1)}));
  }

  /// The first pass waits for the engine, which may come to tell of all of them after it.
  bool ready() {
    for (const BootTime end = system_clock().boot() + seconds(60); system_clock().boot() < end;) {
      if (pass() && frame_.entries().size() > static_cast<std::size_t>(containers_) * 20) return true;
    }
    return false;
  }
  bool pass() {
    frame_.clear();
    return collector_->collect(frame_).ok();
  }
  std::size_t series() const { return frame_.entries().size(); }
  void render() {
    page_.clear();
    ExpositionLayout(catalogue_, frame_.entries()).render(PageFormat::text, frame_.entries(), page_);
  }
  const std::vector<std::string>& files() const { return read_; }
  int requests() const { return engine_.requests(); }

 private:
  std::string answer(std::string_view request) const {
    constexpr std::string_view kContainer = "GET /containers/";
    if (request.starts_with("GET /info ")) return testing::http_answer(200, R"({"CgroupDriver":"systemd"})");
    if (request.starts_with("GET /containers/json")) {
      std::string rows;
      for (int i = 0; i < containers_; ++i)
        rows += fmt::format(R"({}{{"Id":"{}"}})", i > 0 ? "," : "", id_of(i));
      return testing::http_answer(200, "[" + rows + "]");
    }
    if (!request.starts_with(kContainer)) return testing::http_answer(200, "OK");
    const std::string id(request.substr(kContainer.size(), 64));
    const int number = parse_hex(id);
    return testing::http_answer(
        200, fmt::format(R"({{"Id":"{}","Name":"/c{}","State":{{"Status":"running","Pid":{},)"
                         R"("StartedAt":"2024-01-01T00:00:00Z","Health":{{"Status":"healthy"}}}},)"
                         R"("Config":{{"Image":"app:1"}},"HostConfig":{{"NetworkMode":"bridge"}}}})",
                         id, number, 1000 + number));
  }
  static int parse_hex(const std::string& id) {
    return static_cast<int>(std::strtoull(id.substr(54).c_str(), nullptr, 16) - 0xc0ffee0000);
  }

  const int containers_;
  testing::TempDir root_;
  testing::EngineServer engine_{[this](std::string_view request) { return answer(request); }};
  HostPaths paths_{HostPaths::Roots{root_ / "proc", root_ / "sys", "/"}};
  Frame frame_;
  std::string page_;
  std::vector<std::string> read_;
  std::unique_ptr<Collector> collector_;
};

int run(int passes) {
  std::printf("containers  series  us/pass  us/container  us/render  us/bare reads  ratio\n");
  std::vector<double> each, bare_each;
  for (const int size : kSizes) {
    Host host(size);
    if (!host.ready()) {
      std::fprintf(stderr, "%d containers are not seen within a minute\n", size);
      return 1;
    }
    const int requests = host.requests();
    const double pass = median(passes, [&] { host.pass(); });
    const double render = median(passes, [&] { host.render(); });
    const double bare = bare_reads(passes, host.files());
    if (host.requests() != requests) {
      std::fprintf(stderr, "the engine was asked in steady state\n");
      return 1;
    }
    each.push_back(pass / size);
    bare_each.push_back(bare / size);
    std::printf("%10d  %6zu  %7.0f  %12.2f  %9.0f  %13.0f  %5.2f\n", size, host.series(), pass, pass / size,
                render, bare, pass / bare);
  }
  const double growth = each.back() / each.front();
  const double bare_growth = bare_each.back() / bare_each.front();
  std::printf("a container of %d costs %.2f of one of %d, its bare reads %.2f\n", kSizes.back(), growth,
              kSizes.front(), bare_growth);
  return growth < kLinear * bare_growth ? 0 : 1;
}

}  // namespace
}  // namespace chiron

int main(int argc, char** argv) {
  const auto passes = chiron::parse_int<int>(argc > 1 ? argv[1] : "200");
  if (!passes || *passes < 1) {
    std::fprintf(stderr, "usage: chiron_containers_bench [PASSES]\n");
    return 2;
  }
  return chiron::run(*passes);
}
