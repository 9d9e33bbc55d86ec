#pragma once

#include "exporter/base/result.h"
#include "exporter/base/systemd.h"

struct sd_bus_message;

namespace chiron {

/// Fills `state` from the answer to org.freedesktop.DBus.Properties.GetAll, an a{sv}; passes over what it
/// does not know. Numbers and names are org.freedesktop.systemd1(5)'s.
Status read_unit_properties(sd_bus_message* message, UnitState& state);

}  // namespace chiron
