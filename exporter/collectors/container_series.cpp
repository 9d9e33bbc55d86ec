#include "exporter/collectors/container_series.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/net_counters.h"

#include <algorithm>

#include <unistd.h>

namespace chiron {
namespace {

/// As docker inspect names them; Podman knows a few more, which are shown when they occur.
constexpr std::string_view kStates[] = {"created",  "running", "paused", "restarting",
                                        "removing", "exited",  "dead"};
constexpr std::string_view kHealths[] = {"starting", "healthy", "unhealthy"};

using Value = CgroupUsage::Value;
using enum MetricType;

struct UsageRow {
  std::string_view family;
  MetricType type;
  std::string_view help;
  Value (*value)(const CgroupUsage& usage);
};

template <Value CgroupUsage::*field>
Value plain(const CgroupUsage& usage) {
  return usage.*field;
}
/// What means something under a CPU quota only.
template <Value CgroupUsage::*field>
Value under_quota(const CgroupUsage& usage) {
  return usage.cpu_quota ? usage.*field : std::nullopt;
}
/// 0 is no limit, where what is limited is counted.
template <Value CgroupUsage::*limit, Value CgroupUsage::*counted>
Value limit_of(const CgroupUsage& usage) {
  return usage.*counted ? Value((usage.*limit).value_or(0)) : std::nullopt;
}

// Names and meanings are cAdvisor's (its docs/storage/prometheus.md).
constexpr UsageRow kUsage[] = {
    {"container_cpu_usage_seconds_total", counter, "CPU time that the container used.",
     plain<&CgroupUsage::cpu_seconds>},
    {"container_cpu_user_seconds_total", counter, "CPU time that the container used in user mode.",
     plain<&CgroupUsage::cpu_user_seconds>},
    {"container_cpu_system_seconds_total", counter, "CPU time that the container used in the kernel.",
     plain<&CgroupUsage::cpu_system_seconds>},
    {"container_cpu_cfs_periods_total", counter,
     "Periods of the container's CPU quota in which it had something to run.",
     under_quota<&CgroupUsage::periods>},
    {"container_cpu_cfs_throttled_periods_total", counter,
     "Periods in which the container had used up its CPU quota and had to wait.",
     under_quota<&CgroupUsage::throttled_periods>},
    {"container_cpu_cfs_throttled_seconds_total", counter,
     "Time that the container's tasks waited because the CPU quota was used up.",
     under_quota<&CgroupUsage::throttled_seconds>},
    {"container_spec_cpu_quota", gauge, "CPU time in microseconds that the container may use in a period.",
     plain<&CgroupUsage::cpu_quota>},
    {"container_spec_cpu_period", gauge, "Period of the CPU quota in microseconds.",
     plain<&CgroupUsage::cpu_period>},
    {"container_spec_cpu_shares", gauge,
     "CPU share of the container; 1024 is normal. Weights of cgroup v2 are turned into shares.",
     plain<&CgroupUsage::cpu_shares>},
    {"container_memory_usage_bytes", gauge, "Memory in use, page cache included.",
     plain<&CgroupUsage::memory_bytes>},
    {"container_memory_working_set_bytes", gauge, "Memory in use without inactive file pages.",
     [](const CgroupUsage& usage) { return usage.working_set_bytes(); }},
    {"container_memory_rss", gauge, "Anonymous memory in bytes.", plain<&CgroupUsage::anonymous_bytes>},
    {"container_memory_cache", gauge, "Page cache in bytes.", plain<&CgroupUsage::cache_bytes>},
    {"container_memory_swap", gauge, "Swap in use in bytes.", plain<&CgroupUsage::swap_bytes>},
    {"container_memory_max_usage_bytes", gauge, "Most memory that was in use at once.",
     plain<&CgroupUsage::memory_max_bytes>},
    {"container_memory_failcnt", counter, "How often memory use hit its limit.",
     plain<&CgroupUsage::memory_limit_hits>},
    {"container_spec_memory_limit_bytes", gauge, "Memory limit for the container; 0 is no limit.",
     limit_of<&CgroupUsage::memory_limit_bytes, &CgroupUsage::memory_bytes>},
    {"container_processes", gauge, "Processes in the container.", plain<&CgroupUsage::processes>},
    {"container_threads", gauge, "Threads in the container.", plain<&CgroupUsage::threads>},
    {"container_threads_max", gauge, "Most threads that the container may have; 0 is no limit.",
     limit_of<&CgroupUsage::threads_limit, &CgroupUsage::threads>},
};

struct DeviceRow {
  std::string_view family;
  std::string_view help;
};
constexpr std::array<DeviceRow, 4> kBlock = {{
    {"container_fs_reads_bytes_total", "Bytes read from the device."},
    {"container_fs_reads_total", "Reads from the device."},
    {"container_fs_writes_bytes_total", "Bytes written to the device."},
    {"container_fs_writes_total", "Writes to the device."},
}};

struct NetworkRow {
  std::string_view family;
  std::string_view help;
  NetColumn column;
};
constexpr std::array<NetworkRow, 8> kNetwork = {{
    {"container_network_receive_bytes_total", "Bytes received.", kReceiveBytes},
    {"container_network_receive_packets_total", "Packets received.", kReceivePackets},
    {"container_network_receive_errors_total", "Packets received with an error.", kReceiveErrors},
    {"container_network_receive_packets_dropped_total", "Received packets dropped.", kReceiveDrops},
    {"container_network_transmit_bytes_total", "Bytes sent.", kTransmitBytes},
    {"container_network_transmit_packets_total", "Packets sent.", kTransmitPackets},
    {"container_network_transmit_errors_total", "Packets that failed to be sent.", kTransmitErrors},
    {"container_network_transmit_packets_dropped_total", "Packets dropped on the way out.", kTransmitDrops},
}};

}  // namespace

ContainerFamilies::ContainerFamilies(Catalogue& catalogue)
    : last_seen(catalogue.declare("container_last_seen",
                                  "When the container was last seen to run, in seconds since the epoch.",
                                  gauge)),
      start_time(catalogue.declare("container_start_time_seconds",
                                   "When the container was started, in seconds since the epoch.", gauge)),
      ooms(catalogue.declare("container_oom_events_total",
                             "Times that the kernel killed something in the container for want of memory.",
                             counter)),
      health_state(catalogue.declare(
          "container_health_state",
          "The result of the container's health check, while it runs: 1 healthy, 0 starting "
          "or unhealthy, -1 no health check.",
          gauge)),
      state(catalogue.declare("chiron_container_state",
                              "Whether the container is in this state (docker inspect, State.Status).",
                              gauge)),
      health(catalogue.declare(
          "chiron_container_health",
          "Whether the container's health check has this result, while it runs; tells starting from "
          "unhealthy.",
          gauge)),
      exit_code(catalogue.declare("chiron_container_exit_code",
                                  "Exit code of the container's last run, while it is not running.", gauge)),
      restarts(catalogue.declare("chiron_container_restarts_total",
                                 "Restarts of the container by the engine's restart policy.", counter)) {
  for (const UsageRow& row : kUsage) usage.push_back(catalogue.declare(row.family, row.help, row.type));
  for (std::size_t i = 0; i < kBlock.size(); ++i)
    block[i] = catalogue.declare(kBlock[i].family, kBlock[i].help, counter);
  for (std::size_t i = 0; i < kNetwork.size(); ++i)
    network[i] = catalogue.declare(kNetwork[i].family, kNetwork[i].help, counter);
}

const std::string& BlockDeviceNames::name(const std::string& numbers) {
  const auto [entry, is_new] = names_.try_emplace(numbers, numbers);
  if (!is_new) return entry->second;
  // A link to the device's directory, which ends in its name (kernel:
  // Documentation/admin-guide/sysfs-rules.rst).
  char target[256];
  const ssize_t size = ::readlink(paths_.sys("dev/block/" + numbers).c_str(), target, sizeof target);
  if (size <= 0) return entry->second;
  const std::string_view path(target, static_cast<std::size_t>(size));
  entry->second = "/dev/" + std::string(path.substr(path.rfind('/') + 1));
  return entry->second;
}

void ContainerSeries::put(Handle& handle, FamilyId family, std::optional<double> value, Frame& frame) {
  if (!value) {
    handle.reset();
    return;
  }
  if (!handle) handle = catalogue_->series(family, labels_);
  frame.add(*handle, *value);
}

void ContainerSeries::put_one_of(std::vector<SeriesId>& series, FamilyId family, std::string_view label,
                                 std::span<const std::string_view> values, std::string_view value,
                                 Frame& frame) {
  if (series.empty()) {
    for (const std::string_view each : values) {
      Labels labels = labels_;
      labels.set(label, each);
      series.push_back(catalogue_->series(family, labels));
    }
  }
  for (std::size_t i = 0; i < values.size(); ++i) frame.add(series[i], values[i] == value ? 1 : 0);
}

void ContainerSeries::report_state(const ContainerDetail& detail, double ooms, Frame& frame) {
  put_one_of(states_, families_->state, "state", kStates, detail.state, frame);
  const bool usual = std::ranges::find(kStates, detail.state) != std::end(kStates);
  if (usual || detail.state != other_state_name_) other_state_.reset();
  if (!usual && !detail.state.empty()) {
    if (!other_state_) {
      Labels labels = labels_;
      labels.set("state", detail.state);
      other_state_ = catalogue_->series(families_->state, labels);
      other_state_name_ = detail.state;
    }
    frame.add(*other_state_, 1);
  }
  // The engines keep the last result of a container that was stopped or paused, and check it no more.
  const bool checked = detail.state == "running";
  const double healthy = detail.health.empty() ? -1 : detail.health == "healthy" ? 1 : 0;
  put(health_state_, families_->health_state, checked ? Value(healthy) : std::nullopt, frame);
  if (!checked || detail.health.empty()) {
    healths_.clear();
  } else {
    put_one_of(healths_, families_->health, "status", kHealths, detail.health, frame);
  }
  put(restarts_, families_->restarts, static_cast<double>(detail.restarts), frame);
  put(ooms_, families_->ooms, ooms, frame);
  const bool ended = detail.pid == 0 && detail.started_at > 0;
  put(exit_code_, families_->exit_code, ended ? Value(static_cast<double>(detail.exit_code)) : std::nullopt,
      frame);
}

void ContainerSeries::report_running(double now, double started_at, Frame& frame) {
  put(last_seen_, families_->last_seen, now, frame);
  put(start_time_, families_->start_time, started_at > 0 ? Value(started_at) : std::nullopt, frame);
}

void ContainerSeries::report_usage(const CgroupUsage& usage, BlockDeviceNames& names, Frame& frame) {
  usage_.resize(std::size(kUsage));
  // cAdvisor has a series for each CPU or, as here, one for all of them, with this label.
  if (const Value cpu = kUsage[0].value(usage)) {
    if (!usage_[0]) {
      Labels labels = labels_;
      labels.set("cpu", "total");
      usage_[0] = catalogue_->series(families_->usage[0], labels);
    }
    frame.add(*usage_[0], *cpu);
  } else {
    usage_[0].reset();
  }
  for (std::size_t i = 1; i < std::size(kUsage); ++i) {
    put(usage_[i], families_->usage[i], kUsage[i].value(usage), frame);
  }
  begin(devices_);
  for (const BlockUsage& device : usage.devices) {
    const Group<4>& series = group(devices_, families_->block, names.name(device.device), "device");
    const double values[] = {device.read_bytes, device.reads, device.written_bytes, device.writes};
    for (std::size_t i = 0; i < std::size(values); ++i) frame.add(series.series[i], values[i]);
  }
}

void ContainerSeries::report_network(std::string_view text, Frame& frame) {
  begin(interfaces_);
  std::string_view line;
  while (next_line(text, line)) {
    const NetCounters counters = parse_net_counters(line);
    if (!counters.values || counters.device == "lo") continue;
    const Group<8>& series = group(interfaces_, families_->network, counters.device, "interface");
    for (std::size_t i = 0; i < kNetwork.size(); ++i) {
      frame.add(series.series[i], static_cast<double>((*counters.values)[kNetwork[i].column]));
    }
  }
}

template <std::size_t N>
void ContainerSeries::begin(std::vector<Group<N>>& groups) {
  std::erase_if(groups, [](const Group<N>& each) { return !each.written; });
  for (Group<N>& each : groups) each.written = false;
}

template <std::size_t N>
ContainerSeries::Group<N>& ContainerSeries::group(std::vector<Group<N>>& groups,
                                                  const std::array<FamilyId, N>& families,
                                                  std::string_view name, std::string_view label) {
  auto found = std::ranges::find(groups, name, &Group<N>::label);
  if (found == groups.end()) {
    Labels labels = labels_;
    labels.set(label, name);
    Group<N> made{.label = std::string(name), .series = {}};
    for (std::size_t i = 0; i < N; ++i) made.series[i] = catalogue_->series(families[i], labels);
    found = groups.insert(groups.end(), std::move(made));
  }
  found->written = true;
  return *found;
}

}  // namespace chiron
