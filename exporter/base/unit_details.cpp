#include "exporter/base/unit_details.h"

#include "exporter/base/bus_value.h"

#include <systemd/sd-bus.h>

namespace chiron {
namespace {

using Of = UnitDetail::Of;
using Changes = UnitDetail::Changes;

constexpr UnitDetail kDetails[] = {
    {"ActiveEnterTimestamp", Of::any, &WatchedUnit::active_enter_us, Changes::signalled},
    {"Type", Of::services, &WatchedUnit::type, Changes::constant},
    {"NRestarts", Of::services, &WatchedUnit::restarts, Changes::signalled},
    {"Type", Of::mounts, &WatchedUnit::type, Changes::constant},
    {"LastTriggerUSec", Of::timers, &WatchedUnit::last_trigger_us, Changes::signalled},
    {"Accept", Of::sockets, &WatchedUnit::accepts, Changes::constant},
    {"NAccepted", Of::sockets, &WatchedUnit::accepted, Changes::silent},
    {"NConnections", Of::sockets, &WatchedUnit::connections, Changes::silent},
    {"NRefused", Of::sockets, &WatchedUnit::refused, Changes::silent},
    {"ControlGroup", Of::grouped, &WatchedUnit::control_group, Changes::silent},
    {"TasksMax", Of::services_with_tasks, &WatchedUnit::tasks_max, Changes::silent},
};

Error malformed(const char* what) {
  return {ErrorCode::corrupt, std::string("systemd: ") + what + " does not have the documented types"};
}

int read_changed(sd_bus_message* message, std::string_view name, WatchedUnit& unit) {
  if (name == "ActiveState") return read_variant(message, unit.row.active_state);
  if (name == "SubState") return read_variant(message, unit.row.sub_state);
  for (const UnitDetail& detail : kDetails) {
    if (detail.changes == Changes::signalled && detail.property == name)
      return read_detail(message, detail, unit);
  }
  return sd_bus_message_skip(message, "v");
}

}  // namespace

std::span<const UnitDetail> unit_details() { return kDetails; }

std::string kind_interface(std::string_view unit) {
  std::string kind(unit.substr(unit.rfind('.') + 1));
  if (!kind.empty() && kind[0] >= 'a' && kind[0] <= 'z') kind[0] = static_cast<char>(kind[0] - 'a' + 'A');
  return "org.freedesktop.systemd1." + kind;
}

bool applies(const UnitDetail& detail, std::string_view unit, const UnitInterest& interest) {
  switch (detail.of) {
    case Of::any:
      return true;
    case Of::services:
      return unit.ends_with(".service");
    case Of::mounts:
      return unit.ends_with(".mount");
    case Of::timers:
      return unit.ends_with(".timer");
    case Of::sockets:
      return unit.ends_with(".socket");
    case Of::grouped:
      return interest.control_group(unit);
    case Of::services_with_tasks:
      return interest.tasks_max && unit.ends_with(".service");
  }
  return false;
}

std::string interface_of(const UnitDetail& detail, std::string_view unit) {
  return detail.of == Of::any ? "org.freedesktop.systemd1.Unit" : kind_interface(unit);
}

int read_detail(sd_bus_message* message, const UnitDetail& detail, WatchedUnit& unit) {
  return std::visit([&](auto member) { return read_variant(message, unit.*member); }, detail.member);
}

Status apply_changed_properties(sd_bus_message* signal, WatchedUnit& unit) {
  int rc = sd_bus_message_skip(signal, "s");
  if (rc >= 0) rc = sd_bus_message_enter_container(signal, 'a', "{sv}");
  while (rc >= 0 && (rc = sd_bus_message_enter_container(signal, 'e', "sv")) > 0) {
    const char* name = nullptr;
    rc = sd_bus_message_read(signal, "s", &name);
    if (rc >= 0) rc = read_changed(signal, name, unit);
    if (rc >= 0) rc = sd_bus_message_exit_container(signal);
  }
  return rc < 0 ? Status(malformed("PropertiesChanged")) : Status();
}

Result<std::vector<UnitSummary>> read_unit_rows(sd_bus_message* message) {
  if (sd_bus_message_enter_container(message, 'a', "(ssssssouso)") < 0) return malformed("the list of units");
  std::vector<UnitSummary> units;
  const char *name, *description, *load, *active, *sub, *following, *path, *job_type, *job_path;
  std::uint32_t job = 0;
  int rc = 0;
  while ((rc = sd_bus_message_read(message, "(ssssssouso)", &name, &description, &load, &active, &sub,
                                   &following, &path, &job, &job_type, &job_path)) > 0) {
    units.push_back({name, description, load, active, sub});
  }
  if (rc < 0) return malformed("the list of units");
  return units;
}

}  // namespace chiron
