#include "exporter/collectors/unit_series.h"

namespace chiron {

UnitFamilies::UnitFamilies(Catalogue& catalogue) {
  const auto gauge = [&](const char* name, const char* help) {
    return catalogue.declare(name, help, MetricType::gauge);
  };
  const auto counter = [&](const char* name, const char* help) {
    return catalogue.declare(name, help, MetricType::counter);
  };
  state = gauge("node_systemd_unit_state", "State of a systemd unit: 1 for the one it is in.");
  restarts =
      counter("node_systemd_service_restart_total", "How often systemd restarted a service by itself.");
  start_time = gauge("node_systemd_unit_start_time_seconds",
                     "When a unit became active, in seconds since the epoch; 0 while it is not.");
  tasks_current = gauge("node_systemd_unit_tasks_current", "Processes and threads of a service.");
  tasks_max = gauge("node_systemd_unit_tasks_max", "Most processes and threads that a service may have.");
  last_trigger = gauge("node_systemd_timer_last_trigger_seconds",
                       "When a timer last elapsed, in seconds since the epoch; 0 when it never did.");
  accepted = counter("node_systemd_socket_accepted_connections_total",
                     "Connections that systemd accepted for a socket with Accept=yes.");
  connections = gauge("node_systemd_socket_current_connections",
                      "Connections of a socket with Accept=yes that are open now.");
  // A gauge in node_exporter, whatever its name says.
  refused = gauge("node_systemd_socket_refused_connections_total",
                  "Connections that systemd refused because a socket had too many.");
  cpu =
      counter("systemd_unit_cpu_seconds_total", "CPU time of a unit's processes in user and in system mode.");
  memory = gauge("systemd_unit_memory_current_bytes", "Memory of a unit's processes, page cache included.");
  read_bytes =
      counter("systemd_unit_io_read_bytes_total", "Bytes that a unit's processes read from block devices.");
  written_bytes =
      counter("systemd_unit_io_written_bytes_total", "Bytes that a unit's processes wrote to block devices.");
  reads = counter("systemd_unit_io_reads_completed_total", "Reads of block devices by a unit's processes.");
  writes =
      counter("systemd_unit_io_writes_completed_total", "Writes to block devices by a unit's processes.");
}

UnitSeries::UnitSeries(Catalogue& catalogue, const UnitFamilies& families, const UnitReports& reports,
                       const WatchedUnit& unit)
    : catalogue_(catalogue),
      families_(families),
      name_(unit.row.name),
      type_(unit.type),
      reports_tasks_(reports.tasks && name_.ends_with(".service")) {
  for (std::size_t i = 0; i < kUnitStates.size(); ++i) {
    state_[i] = catalogue.series(families.state,
                                 {{"name", name_}, {"state", std::string(kUnitStates[i])}, {"type", type_}});
  }
  if (reports.restarts && name_.ends_with(".service")) restarts_ = of_unit(families.restarts);
  if (reports.start_times) start_time_ = of_unit(families.start_time);
  if (reports_tasks_) tasks_max_ = of_unit(families.tasks_max);
  if (name_.ends_with(".timer")) last_trigger_ = of_unit(families.last_trigger);
  if (name_.ends_with(".socket")) {
    accepted_ = of_unit(families.accepted);
    connections_ = of_unit(families.connections);
    refused_ = of_unit(families.refused);
  }
}

SeriesId UnitSeries::of_unit(FamilyId family) const { return catalogue_.series(family, {{"name", name_}}); }

SeriesId UnitSeries::of_resource(FamilyId family, std::string_view mode) const {
  return catalogue_.series(
      family, {{"name", name_}, {"type", name_.substr(name_.rfind('.') + 1)}, {"mode", std::string(mode)}});
}

void UnitSeries::use_group(const CgroupMounts& mounts, const std::string& group, bool resources,
                           DescriptorBudget& budget) {
  resources_ = resources;
  if (group.empty() || group == "/") {
    group_.reset();
  } else if (!group_ || group_->group() != group) {
    group_.reset();
    group_ = std::make_unique<UnitCgroup>(mounts, group, budget);
  }
}

void UnitSeries::report(const WatchedUnit& unit, Frame& frame) {
  for (std::size_t i = 0; i < kUnitStates.size(); ++i) {
    frame.add(state_[i], unit.row.active_state == kUnitStates[i] ? 1 : 0);
  }
  if (restarts_ != kNoSeries) frame.add(restarts_, unit.restarts);
  if (start_time_ != kNoSeries) {
    const double since = static_cast<double>(unit.active_enter_us) / 1e6;
    frame.add(start_time_, unit.row.active_state == "active" ? since : 0);
  }
  if (tasks_max_ != kNoSeries && unit.tasks_max != std::numeric_limits<std::uint64_t>::max()) {
    frame.add(tasks_max_, static_cast<double>(unit.tasks_max));
  }
  if (last_trigger_ != kNoSeries) frame.add(last_trigger_, static_cast<double>(unit.last_trigger_us) / 1e6);
  if (accepted_ != kNoSeries) {
    frame.add(accepted_, unit.accepted);
    frame.add(connections_, unit.connections);
    frame.add(refused_, unit.refused);
  }
  if (group_) report_group(frame);
}

void UnitSeries::report_group(Frame& frame) {
  const GroupUsage usage = group_->read();
  const auto add = [&](SeriesId& series, FamilyId family, double value, std::string_view mode = {}) {
    if (series == kNoSeries) series = of_resource(family, mode);
    frame.add(series, value);
  };
  if (usage.tasks && reports_tasks_) {
    if (tasks_ == kNoSeries) tasks_ = of_unit(families_.tasks_current);
    frame.add(tasks_, *usage.tasks);
  }
  if (!resources_) return;
  if (usage.user_seconds) add(user_, families_.cpu, *usage.user_seconds, "user");
  if (usage.system_seconds) add(system_, families_.cpu, *usage.system_seconds, "system");
  if (usage.memory_bytes) add(memory_, families_.memory, *usage.memory_bytes);
  if (!usage.io) return;
  add(read_bytes_, families_.read_bytes, usage.io->read_bytes);
  add(written_bytes_, families_.written_bytes, usage.io->written_bytes);
  add(reads_, families_.reads, usage.io->reads);
  add(writes_, families_.writes, usage.io->writes);
}

}  // namespace chiron
