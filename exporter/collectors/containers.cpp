#include "exporter/collectors/containers.h"

#include "exporter/base/event_log.h"
#include "exporter/collectors/cgroup_usage.h"
#include "exporter/collectors/container_engine.h"
#include "exporter/collectors/series_map.h"

#include <optional>
#include <unordered_map>

#include <sys/stat.h>

namespace chiron {
namespace {

constexpr const char* kSockets[] = {"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"};

/// As docker inspect names them; Podman knows a few more, which are shown when they occur.
constexpr std::string_view kStates[] = {"created",  "running", "paused", "restarting",
                                        "removing", "exited",  "dead"};
constexpr std::string_view kHealths[] = {"starting", "healthy", "unhealthy"};

struct Families {
  explicit Families(Catalogue& c)
      : last_seen(c.declare("container_last_seen", "Last time a container was seen by the exporter",
                            MetricType::gauge)),
        start_time(c.declare("container_start_time_seconds",
                             "Start time of the container since unix epoch in seconds.", MetricType::gauge)),
        cpu(c.declare("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.",
                      MetricType::counter)),
        memory(c.declare(
            "container_memory_usage_bytes",
            "Current memory usage in bytes, including all memory regardless of when it was accessed",
            MetricType::gauge)),
        working_set(c.declare("container_memory_working_set_bytes", "Current working set in bytes.",
                              MetricType::gauge)),
        limit(c.declare("container_spec_memory_limit_bytes", "Memory limit for the container; 0 is no limit.",
                        MetricType::gauge)),
        health_state(
            c.declare("container_health_state",
                      "The result of the container's health check: 1 healthy, 0 starting or unhealthy, "
                      "-1 no health check",
                      MetricType::gauge)),
        state(c.declare("chiron_container_state",
                        "Whether the container is in this state (docker inspect, State.Status)",
                        MetricType::gauge)),
        health(
            c.declare("chiron_container_health",
                      "Whether the container's health check has this result; tells starting from unhealthy",
                      MetricType::gauge)),
        exit_code(c.declare("chiron_container_exit_code",
                            "Exit code of the container's last run, while it is not running",
                            MetricType::gauge)),
        restarts(c.declare("chiron_container_restarts_total",
                           "Restarts of the container by the engine's restart policy", MetricType::counter)) {
  }

  FamilyId last_seen, start_time, cpu, memory, working_set, limit, health_state;
  FamilyId state, health, exit_code, restarts;
};

struct Handles {
  SeriesId last_seen, start_time, cpu, memory, working_set, limit, health_state, exit_code, restarts;
  std::array<SeriesId, std::size(kStates)> states;
  std::array<SeriesId, std::size(kHealths)> healths;
  SeriesId other_state;  // kNoSeries when the state is one of kStates
};

/// What is remembered of a container between passes.
struct Known {
  std::string seen;  // state and status of the row that `detail` belongs to
  ContainerDetail detail;
  std::optional<CgroupPlace> place;
  std::string label;  // the id label: the path of its control group
  std::uint64_t pass = 0;
};

bool is_socket(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode);
}

bool has_process(std::string_view state) { return state == "running" || state == "paused"; }

class ContainersCollector final : public Collector {
 public:
  explicit ContainersCollector(CollectorContext context)
      : context_(std::move(context)), families_(context_.catalogue) {}

  bool can_hang() const override { return true; }

  Status collect(Frame& frame) override {
    deadline_ = system_clock().boot() + context_.deadline;
    if (Status found = find_engine(); !found.ok()) return found;
    const Result<std::vector<ContainerSummary>> rows = engine_->list(left());
    if (!rows.ok()) {
      handles_ = {};  // not written in this pass, and who knows for how long
      return rows.error();
    }
    learn_cgroup_driver();
    ++pass_;
    handles_.begin_pass();
    Status status;
    for (const ContainerSummary& row : *rows) {
      Status one = collect_one(row, frame);
      if (!one.ok() && status.ok()) status = std::move(one);
    }
    handles_.end_pass();
    std::erase_if(known_, [this](const auto& entry) { return entry.second.pass != pass_; });
    return status;
  }

 private:
  Duration left() const { return deadline_ - system_clock().boot(); }

  Status find_engine() {
    const std::string_view chosen = context_.options.get("docker-socket");
    std::string socket;
    if (!chosen.empty()) {
      socket = context_.paths.root(chosen);
    } else {
      for (const char* candidate : kSockets) {
        if (!socket.empty()) break;
        if (is_socket(context_.paths.root(candidate))) socket = context_.paths.root(candidate);
      }
    }
    if (socket.empty() || !is_socket(socket)) {
      engine_.reset();
      return Error(ErrorCode::no_data,
                   "no container engine: " + (socket.empty() ? kSockets[0] : socket) + " is no socket");
    }
    if (engine_ && engine_->socket() == socket) return {};
    engine_.emplace(socket);
    systemd_cgroups_.reset();
    known_.clear();
    return {};
  }

  /// Only for the id label of containers that do not run; a failure is tried again at the next pass.
  void learn_cgroup_driver() {
    if (systemd_cgroups_) return;
    const Result<bool> systemd = engine_->uses_systemd_cgroups(left());
    if (systemd.ok()) systemd_cgroups_ = *systemd;
  }

  Status collect_one(const ContainerSummary& row, Frame& frame) {
    Known& known = known_[row.id];
    known.pass = pass_;
    if (Status status = refresh(row, known); !status.ok()) {
      // Removed since the list was made: not there, and not wrong.
      if (status.error().code() == ErrorCode::not_found) return {};
      if (!known.seen.empty()) report(row, known, nullptr, frame);
      return status;
    }
    const Result<CgroupUsage> used = usage(row, known);
    report(row, known, used.ok() ? &*used : nullptr, frame);
    if (used.ok() || used.error().code() == ErrorCode::not_found) return {};
    return used.error();
  }

  Status refresh(const ContainerSummary& row, Known& known) {
    std::string seen = row.state + '\n' + row.status;
    if (seen == known.seen) return {};
    Result<ContainerDetail> detail = engine_->inspect(row.id, left());
    if (!detail.ok()) return std::move(detail).error();
    known.detail = std::move(*detail);
    known.seen = std::move(seen);
    known.place.reset();
    if (known.label.empty()) known.label = usual_group(row.id, known.detail.cgroup_parent);
    return {};
  }

  bool lives(std::int64_t pid) const {
    struct stat facts {};
    return pid > 0 && ::stat(context_.paths.proc(std::to_string(pid)).c_str(), &facts) == 0;
  }

  /// Reads the control group; when the process is gone, the container was restarted and its row happens to
  /// read the same: looks once more. not_found: there is nothing to read, and that is normal.
  Result<CgroupUsage> usage(const ContainerSummary& row, Known& known) {
    const Error none(ErrorCode::not_found, "no process");
    if (!has_process(row.state)) return none;
    if (!lives(known.detail.pid)) {
      known.seen.clear();
      if (Status again = refresh(row, known); !again.ok()) return again.error();
      if (!lives(known.detail.pid)) return none;
    }
    if (!known.place) {
      Result<CgroupPlace> place = find_cgroup(context_.paths, known.detail.pid, row.id);
      if (!place.ok()) return unreadable(row, known, std::move(place).error());
      known.place = std::move(*place);
      known.label = known.place->path;
    }
    Result<CgroupUsage> usage = read_cgroup_usage(*known.place);
    if (usage.ok()) return usage;
    known.place.reset();
    return unreadable(row, known, std::move(usage).error());
  }

  Error unreadable(const ContainerSummary& row, const Known& known, Error error) const {
    if (!lives(known.detail.pid)) return error;  // it ended meanwhile
    return Error(ErrorCode::unavailable, "container " + row.name + ": " + error.to_string());
  }

  /// Where the engine puts the group of a container, for those that have none now.
  std::string usual_group(const std::string& id, std::string parent) const {
    const bool podman = engine_->socket().find("podman") != std::string::npos;
    const std::string name = podman ? "libpod-" : "docker-";
    if (systemd_cgroups_.value_or(false)) {
      if (parent.empty()) parent = podman ? "machine.slice" : "system.slice";
      return "/" + parent + "/" + name + id + ".scope";
    }
    if (parent.empty()) parent = podman ? "/libpod_parent" : "/docker";
    if (!parent.starts_with('/')) parent.insert(0, "/");
    return parent + "/" + (podman ? name : "") + id;
  }

  Handles make_handles(const ContainerSummary& row, const Known& known) {
    const Labels base{{"id", known.label}, {"image", row.image}, {"name", row.name}};
    const auto series = [&](FamilyId family) { return context_.catalogue.series(family, base); };
    const auto with = [&](FamilyId family, std::string_view name, std::string_view value) {
      Labels labels = base;
      labels.set(name, value);
      return context_.catalogue.series(family, labels);
    };
    Handles handles{};
    handles.last_seen = series(families_.last_seen);
    handles.start_time = series(families_.start_time);
    handles.cpu = with(families_.cpu, "cpu", "total");
    handles.memory = series(families_.memory);
    handles.working_set = series(families_.working_set);
    handles.limit = series(families_.limit);
    handles.health_state = series(families_.health_state);
    handles.exit_code = series(families_.exit_code);
    handles.restarts = series(families_.restarts);
    for (std::size_t i = 0; i < std::size(kStates); ++i)
      handles.states[i] = with(families_.state, "state", kStates[i]);
    for (std::size_t i = 0; i < std::size(kHealths); ++i) {
      handles.healths[i] = with(families_.health, "status", kHealths[i]);
    }
    const bool usual = std::find(std::begin(kStates), std::end(kStates), row.state) != std::end(kStates);
    handles.other_state = usual || row.state.empty() ? kNoSeries : with(families_.state, "state", row.state);
    return handles;
  }

  void report(const ContainerSummary& row, const Known& known, const CgroupUsage* usage, Frame& frame) {
    // With the state in the key, handles that were not written while the state was another are resolved anew.
    std::string key = row.id;
    for (const std::string* part : {&row.name, &row.image, &row.state, &known.label}) {
      key += '\n';
      key += *part;
    }
    const Handles& handles = handles_.at(key, [&] { return make_handles(row, known); });
    for (std::size_t i = 0; i < std::size(kStates); ++i)
      frame.add(handles.states[i], row.state == kStates[i] ? 1 : 0);
    if (handles.other_state != kNoSeries) frame.add(handles.other_state, 1);
    report_health(known.detail.health, handles, frame);
    frame.add(handles.restarts, static_cast<double>(known.detail.restarts));
    if (!has_process(row.state)) {
      if (known.detail.started_at > 0)
        frame.add(handles.exit_code, static_cast<double>(known.detail.exit_code));
      return;
    }
    frame.add(handles.last_seen, static_cast<double>(to_ms(context_.clock.wall()) / 1000));
    if (known.detail.started_at > 0) frame.add(handles.start_time, known.detail.started_at);
    if (usage == nullptr) return;
    if (usage->cpu_seconds) frame.add(handles.cpu, *usage->cpu_seconds);
    if (usage->memory_bytes) frame.add(handles.memory, *usage->memory_bytes);
    if (usage->working_set_bytes) frame.add(handles.working_set, *usage->working_set_bytes);
    if (usage->memory_limit_bytes) frame.add(handles.limit, *usage->memory_limit_bytes);
  }

  static void report_health(std::string_view health, const Handles& handles, Frame& frame) {
    frame.add(handles.health_state, health.empty() ? -1 : health == "healthy" ? 1 : 0);
    if (health.empty()) return;
    for (std::size_t i = 0; i < std::size(kHealths); ++i)
      frame.add(handles.healths[i], health == kHealths[i] ? 1 : 0);
  }

  CollectorContext context_;
  Families families_;
  std::optional<ContainerEngine> engine_;
  std::optional<bool> systemd_cgroups_;
  std::unordered_map<std::string, Known> known_;  // by container id
  SeriesMap<Handles> handles_;
  std::uint64_t pass_ = 0;
  BootTime deadline_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> make_containers_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(std::make_unique<ContainersCollector>(std::move(context)));
}

}  // namespace chiron
