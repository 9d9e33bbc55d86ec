#include "exporter/base/systemd_properties.h"

#include "exporter/base/bus_value.h"

#include <systemd/sd-bus.h>

namespace chiron {
namespace {

using Member = std::variant<std::string UnitState::*, bool UnitState::*, std::int32_t UnitState::*,
                            std::uint32_t UnitState::*, std::uint64_t UnitState::*>;
struct Property {
  std::string_view name;
  Member member;
};

constexpr Property kProperties[] = {
    {"Id", &UnitState::id},
    {"LoadState", &UnitState::load_state},
    {"ActiveState", &UnitState::active_state},
    {"SubState", &UnitState::sub_state},
    {"UnitFileState", &UnitState::unit_file_state},
    {"Result", &UnitState::result},
    {"Type", &UnitState::type},
    {"RefuseManualStart", &UnitState::refuse_manual_start},
    {"RefuseManualStop", &UnitState::refuse_manual_stop},
    {"RemainAfterExit", &UnitState::remain_after_exit},
    {"CanReload", &UnitState::can_reload},
    {"NRestarts", &UnitState::restarts},
    {"MainPID", &UnitState::main_pid},
    {"ExecMainCode", &UnitState::main_code},
    {"ExecMainStatus", &UnitState::main_status},
    {"ActiveEnterTimestamp", &UnitState::active_enter_us},
    {"InactiveEnterTimestamp", &UnitState::inactive_enter_us},
    {"StateChangeTimestamp", &UnitState::state_change_us},
    {"ActiveEnterTimestampMonotonic", &UnitState::active_enter_mono_us},
    {"ActiveExitTimestampMonotonic", &UnitState::active_exit_mono_us},
    {"InactiveExitTimestampMonotonic", &UnitState::inactive_exit_mono_us},
    {"ExecMainExitTimestampMonotonic", &UnitState::main_exit_mono_us},
};

int read_invocation_id(sd_bus_message* message, UnitState& state) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  int rc = sd_bus_message_enter_container(message, 'v', "ay");
  if (rc >= 0) rc = sd_bus_message_read_array(message, 'y', &bytes, &size);
  if (rc < 0) return rc;
  static constexpr char kHex[] = "0123456789abcdef";
  state.invocation_id.clear();
  const auto* byte = static_cast<const unsigned char*>(bytes);
  for (std::size_t i = 0; i < size; ++i) {
    state.invocation_id += kHex[byte[i] >> 4];
    state.invocation_id += kHex[byte[i] & 15];
  }
  return sd_bus_message_exit_container(message);
}

/// Appends.
int read_names(sd_bus_message* message, std::vector<std::string>& names) {
  int rc = sd_bus_message_enter_container(message, 'v', "as");
  if (rc >= 0) rc = sd_bus_message_enter_container(message, 'a', "s");
  if (rc < 0) return rc;
  const char* name = nullptr;
  while ((rc = sd_bus_message_read(message, "s", &name)) > 0) names.emplace_back(name);
  if (rc >= 0) rc = sd_bus_message_exit_container(message);
  return rc < 0 ? rc : sd_bus_message_exit_container(message);
}

/// Job is (uo): 0 when none is queued.
int read_job(sd_bus_message* message, UnitState& state) {
  int rc = sd_bus_message_enter_container(message, 'v', "(uo)");
  const char* path = nullptr;
  if (rc >= 0) rc = sd_bus_message_read(message, "(uo)", &state.job, &path);
  return rc < 0 ? rc : sd_bus_message_exit_container(message);
}

int read_value(sd_bus_message* message, std::string_view name, UnitState& state) {
  if (name == "InvocationID") return read_invocation_id(message, state);
  if (name == "Names") return read_names(message, state.names);
  for (const std::string_view relation :
       {"RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"}) {
    if (name == relation) return read_names(message, state.takes_along);
  }
  if (name == "PropagatesReloadTo") return read_names(message, state.reloads_along);
  if (name == "Conflicts" || name == "ConflictedBy") return read_names(message, state.conflicts);
  if (name == "Job") return read_job(message, state);
  for (const Property& property : kProperties) {
    if (property.name != name) continue;
    return std::visit([&](auto member) { return read_variant(message, state.*member); }, property.member);
  }
  return sd_bus_message_skip(message, "v");
}

}  // namespace

Status read_unit_properties(sd_bus_message* message, UnitState& state) {
  int rc = sd_bus_message_enter_container(message, 'a', "{sv}");
  while (rc >= 0 && (rc = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
    const char* name = nullptr;
    rc = sd_bus_message_read(message, "s", &name);
    if (rc >= 0) rc = read_value(message, name, state);
    if (rc >= 0) rc = sd_bus_message_exit_container(message);
  }
  if (rc < 0)
    return Error(ErrorCode::corrupt, "systemd: a unit's properties do not have the documented types");
  return {};
}

}  // namespace chiron
