#include "exporter/collectors/containers.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/container_engine.h"
#include "exporter/collectors/container_process.h"
#include "exporter/collectors/container_series.h"
#include "exporter/collectors/problems.h"

#include <algorithm>
#include <unordered_map>

#include <sys/resource.h>

namespace chiron {
namespace {

/// How long what an engine said stands when it does not answer any more.
constexpr Duration kStandsFor = std::chrono::seconds(10);
/// Limits change by a person's hand, of which the engine tells when it went through the engine.
constexpr Duration kLimitsInterval = std::chrono::minutes(1);

/// Half of the descriptors that this process may have.
std::size_t descriptors_to_keep() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1 << 20) / 2);
}

bool has_process(const ContainerDetail& detail) {
  return detail.pid > 0 && detail.state != "exited" && detail.state != "dead";
}

/// Host networking is node_network's, and a joined container's is that container's.
bool has_own_network(std::string_view mode) {
  return mode != "host" && mode != "none" && !mode.starts_with("container:");
}

/// Out-of-memory kills of all runs that were seen. The control group counts those of a run and goes with it;
/// of a run that ended by one, the engine knows.
class OomCount {
 public:
  void begin(const ContainerDetail& first) { ended_ = first.oom_killed ? 1 : 0; }
  void saw(double in_this_run) { current_ = in_this_run; }
  void run_ended(const ContainerDetail& after) {
    ended_ += std::max(current_, after.oom_killed ? 1.0 : 0.0);
    current_ = 0;
  }
  double total(std::uint64_t events) const {
    return std::max(ended_ + current_, static_cast<double>(events));
  }

 private:
  double ended_ = 0;
  double current_ = 0;
};

/// What is kept of a container between passes.
struct Tracked {
  std::shared_ptr<const ContainerRecord> record;
  std::optional<ContainerProcess> process;
  std::optional<CgroupReader> reader;
  std::optional<ContainerSeries> series;
  std::string group;  ///< the id label: the path of its control group
  OomCount ooms;
  BootTime limits_read{};
  bool limits_due = true;
  bool there = false;

  void drop_process() {
    process.reset();
    reader.reset();
    limits_due = true;
  }
};

struct Engine {
  Engine(std::string path, ContainerWatch::Options options) : socket(path), watch(std::move(path), options) {}
  const std::string socket;
  ContainerWatch watch;
  std::shared_ptr<const EngineView> view;
  std::unordered_map<std::string, Tracked> containers;
};

struct EngineFamilies {
  explicit EngineFamilies(Catalogue& c)
      : up(c.declare("chiron_container_engine_up", "Whether the container engine answers.",
                     MetricType::gauge)),
        bytes(
            c.declare("chiron_container_disk_usage_bytes",
                      "What the engine stores, by kind; cached, see chiron_container_disk_usage_age_seconds.",
                      MetricType::gauge)),
        reclaimable(c.declare("chiron_container_disk_reclaimable_bytes",
                              "What of it nothing uses now; of images, what surely would come free; cached.",
                              MetricType::gauge)),
        objects(c.declare("chiron_container_disk_objects", "How many of a kind the engine stores; cached.",
                          MetricType::gauge)),
        age(c.declare("chiron_container_disk_usage_age_seconds",
                      "How long ago the engine added up what it stores.", MetricType::gauge)) {}
  FamilyId up, bytes, reclaimable, objects, age;
};

class ContainersCollector final : public Collector {
 public:
  ContainersCollector(CollectorContext context, ContainerWatch::Options options)
      : context_(std::move(context)),
        options_(options),
        families_(context_.catalogue),
        engine_families_(context_.catalogue),
        devices_(context_.paths),
        descriptors_(descriptors_to_keep()) {}

  bool can_hang() const override { return true; }

  Status collect(Frame& frame) override {
    const BootTime deadline = system_clock().boot() + context_.deadline;
    find_engines();
    if (engines_.empty()) {
      return Error(ErrorCode::no_data, "no container engine: none of its sockets is there");
    }
    for (const auto& engine : engines_) engine->watch.look({});
    Problems problems;
    std::size_t count = 0;
    for (const auto& engine : engines_) count += engine->containers.size();
    keep_open_ = count * CgroupReader::kMostDescriptors <= descriptors_;
    for (const auto& engine : engines_) collect_engine(*engine, deadline, frame, problems);
    return problems.report(frame);
  }

 private:
  /// An engine that has answered stays: when its socket goes, that is worth knowing.
  void find_engines() {
    const std::vector<std::string> found =
        find_engine_sockets(context_.paths, context_.options.list("socket"));
    std::erase_if(engines_, [&](const auto& engine) {
      const bool answered = engine->view && engine->view->known;
      return !answered && std::ranges::find(found, engine->socket) == found.end();
    });
    for (const std::string& path : found) {
      const bool known =
          std::ranges::any_of(engines_, [&](const auto& each) { return each->socket == path; });
      if (!known) engines_.push_back(std::make_unique<Engine>(path, options_));
    }
  }

  void collect_engine(Engine& engine, BootTime deadline, Frame& frame, Problems& problems) {
    const std::shared_ptr<const EngineView> view = engine.watch.look(deadline);
    if (view != engine.view) take_view(engine, view);
    const bool stands = view->known && (view->up || system_clock().boot() - view->up_until <= kStandsFor);
    const Labels labels{{"socket", engine.socket}};
    frame.add(context_.catalogue.series(engine_families_.up, labels), view->up ? 1 : 0);
    if (view->error) problems.add(*view->error);
    if (!view->known && !view->error) {
      problems.add(Error(ErrorCode::timed_out, "container engine " + engine.socket + ": no answer yet"));
    }
    for (auto& [id, tracked] : engine.containers) collect_container(tracked, stands, frame, problems);
    report_disk(engine, labels, frame, problems);
  }

  void take_view(Engine& engine, const std::shared_ptr<const EngineView>& view) {
    for (auto& [id, tracked] : engine.containers) tracked.there = false;
    for (const std::shared_ptr<const ContainerRecord>& record : view->containers) {
      Tracked& tracked = engine.containers[record->detail.id];
      tracked.there = true;
      if (tracked.record != record) take_record(tracked, record, engine.socket, view->systemd_cgroups);
    }
    std::erase_if(engine.containers, [](const auto& entry) { return !entry.second.there; });
    engine.view = view;
  }

  void take_record(Tracked& tracked, const std::shared_ptr<const ContainerRecord>& record,
                   std::string_view socket, bool systemd) {
    const ContainerDetail& now = record->detail;
    if (!tracked.record) {
      tracked.ooms.begin(now);
      tracked.group = usual_group(now, socket, systemd);
    } else if (tracked.record->detail.pid != now.pid || tracked.record->detail.started_at != now.started_at) {
      tracked.drop_process();
      if (tracked.record->detail.pid > 0) tracked.ooms.run_ended(now);
    }
    tracked.record = record;
    tracked.limits_due = true;
    name(tracked);
  }

  /// Its labels; the series are made anew when they changed.
  void name(Tracked& tracked) {
    const ContainerDetail& detail = tracked.record->detail;
    Labels labels{{"id", tracked.group}, {"image", detail.image}, {"name", detail.name}};
    if (tracked.series && tracked.series->labels() == labels) return;
    tracked.series.emplace(context_.catalogue, families_, std::move(labels));
  }

  /// Where the engine puts the group of a container, for those that have none now.
  static std::string usual_group(const ContainerDetail& detail, std::string_view socket, bool systemd) {
    const bool podman = socket.find("podman") != socket.npos;
    const std::string name = podman ? "libpod-" : "docker-";
    std::string parent = detail.cgroup_parent;
    if (systemd) {
      if (parent.empty()) parent = podman ? "machine.slice" : "system.slice";
      return "/" + parent + "/" + name + detail.id + ".scope";
    }
    if (parent.empty()) parent = podman ? "/libpod_parent" : "/docker";
    if (!parent.starts_with('/')) parent.insert(0, "/");
    return parent + "/" + (podman ? name : "") + detail.id;
  }

  void collect_container(Tracked& tracked, bool stands, Frame& frame, Problems& problems) {
    const ContainerDetail& detail = tracked.record->detail;
    if (has_process(detail)) {
      if (const Status read = read_process(tracked, frame); !read) {
        tracked.drop_process();
        // It ended: an event will say so.
        if (read.error().code() != ErrorCode::not_found) {
          problems.add(Error(read.error()).wrap("container " + detail.name));
        }
      }
    }
    if (!stands) return;
    tracked.series->report_state(detail, tracked.ooms.total(tracked.record->ooms), frame);
  }

  Status read_process(Tracked& tracked, Frame& frame) {
    const ContainerDetail& detail = tracked.record->detail;
    if (!tracked.process) {
      Result<ContainerProcess> process = ContainerProcess::open(context_.paths, detail.pid, detail.id);
      if (!process) return std::move(process).error();
      tracked.group = process->group().path;
      tracked.reader.emplace(process->group());
      tracked.process = std::move(*process);
      name(tracked);
    }
    const BootTime now = context_.clock.boot();
    const bool limits = tracked.limits_due || now - tracked.limits_read >= kLimitsInterval;
    const Result<const CgroupUsage*> usage =
        tracked.reader->read(limits ? CgroupReader::Scope::limits : CgroupReader::Scope::usage, keep_open_);
    if (!usage) return usage.error();
    if (limits) tracked.limits_read = now;
    tracked.limits_due = false;
    if ((*usage)->oom_kills) tracked.ooms.saw(*(*usage)->oom_kills);
    const double seen = static_cast<double>(to_ms(context_.clock.wall()) / 1000);
    tracked.series->report_running(seen, detail.started_at, frame);
    tracked.series->report_usage(**usage, devices_, frame);
    if (!has_own_network(detail.network_mode)) return {};
    const Result<std::string_view> network = tracked.process->network();
    if (!network) return network.error();
    tracked.series->report_network(*network, frame);
    return {};
  }

  void report_disk(Engine& engine, const Labels& labels, Frame& frame, Problems& problems) {
    if (const std::optional<Error> error = engine.watch.disk_error()) problems.add(*error);
    const std::shared_ptr<const EngineDiskView> view = engine.watch.disk();
    if (!view) return;
    const Duration age = system_clock().boot() - view->taken;
    frame.add(context_.catalogue.series(engine_families_.age, labels),
              std::chrono::duration<double>(age).count());
    const std::pair<std::string_view, const EngineStore*> kinds[] = {
        {"images", &view->disk.images},
        {"containers", &view->disk.containers},
        {"volumes", &view->disk.volumes},
        {"build_cache", &view->disk.build_cache}};
    for (const auto& [kind, store] : kinds) {
      Labels with_kind = labels;
      with_kind.set("kind", kind);
      const auto add = [&](FamilyId family, double value) {
        frame.add(context_.catalogue.series(family, with_kind), value);
      };
      add(engine_families_.bytes, store->bytes);
      add(engine_families_.reclaimable, store->reclaimable_bytes);
      add(engine_families_.objects, store->objects);
    }
  }

  CollectorContext context_;
  const ContainerWatch::Options options_;
  const ContainerFamilies families_;
  const EngineFamilies engine_families_;
  BlockDeviceNames devices_;
  const std::size_t descriptors_;
  bool keep_open_ = true;
  std::vector<std::unique_ptr<Engine>> engines_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context) {
  return make_containers_collector(std::move(context), {});
}

Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context,
                                                             ContainerWatch::Options options) {
  const std::string_view interval = context.options.get("disk-usage-interval");
  if (!interval.empty()) {
    const Result<Duration> parsed = parse_duration(interval);
    if (!parsed) return Error(parsed.error()).wrap("disk-usage-interval");
    options.disk_interval = *parsed;
  }
  return std::unique_ptr<Collector>(std::make_unique<ContainersCollector>(std::move(context), options));
}

}  // namespace chiron
