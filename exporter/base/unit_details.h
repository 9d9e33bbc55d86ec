#pragma once

#include "exporter/base/unit_watch.h"

#include <span>
#include <variant>

struct sd_bus_message;

namespace chiron {

/// One property of a unit that a UnitWatch keeps (org.freedesktop.systemd1(5)).
struct UnitDetail {
  using Member = std::variant<std::string WatchedUnit::*, bool WatchedUnit::*, std::uint32_t WatchedUnit::*,
                              std::uint64_t WatchedUnit::*>;
  enum class Of { any, services, mounts, timers, sockets, grouped, services_with_tasks };
  std::string_view property;
  Of of;
  Member member;
  /// How systemd 252 tells of changes: with a new value in PropertiesChanged, not before it reloads, or not
  /// at all, so that it is read again whenever anything of the unit changed.
  enum class Changes { signalled, constant, silent };
  Changes changes;
};
std::span<const UnitDetail> unit_details();
/// Whether the detail is one of this unit's that is to be read.
bool applies(const UnitDetail& detail, std::string_view unit, const UnitInterest& interest);

/// The interface that a detail belongs to: Unit, or that of the unit's kind.
std::string interface_of(const UnitDetail& detail, std::string_view unit);
/// The interface that a kind of unit has besides Unit: nginx.service -> org.freedesktop.systemd1.Service.
std::string kind_interface(std::string_view unit);

/// Takes over the properties of a PropertiesChanged signal. corrupt when it does not have the documented
/// types.
Status apply_changed_properties(sd_bus_message* signal, WatchedUnit& unit);
/// Reads a variant into the detail's member; negative as sd_bus_message_read(3).
int read_detail(sd_bus_message* message, const UnitDetail& detail, WatchedUnit& unit);

/// The rows of an answer to ListUnits or ListUnitsByNames.
Result<std::vector<UnitSummary>> read_unit_rows(sd_bus_message* message);

}  // namespace chiron
