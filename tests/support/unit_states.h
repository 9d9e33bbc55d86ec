#pragma once

#include "remediation/actions/unit_policy.h"

#include <cstdint>
#include <string>

#include <signal.h>
#include <sys/wait.h>

namespace chiron::testing {

/// web.service as systemd tells of it, of type simple.
inline UnitState unit_in(std::string active, std::string sub, std::string result = "success") {
  UnitState unit;
  unit.id = "web.service";
  unit.names = {unit.id};
  unit.load_state = "loaded";
  unit.active_state = std::move(active);
  unit.sub_state = std::move(sub);
  unit.result = std::move(result);
  unit.type = "simple";
  unit.invocation_id = "aa";
  return unit;
}

/// How a unit's main process ended, and when: microseconds of the monotonic clock, as in
/// org.freedesktop.systemd1(5).
struct End {
  std::uint64_t started = 10, active = 11, left_active = 20, main_exit = 19;
  int code = CLD_EXITED;
  int status = 0;
};

inline UnitState unit_down(std::string active, std::string result, End end) {
  UnitState unit = unit_in(std::move(active), "dead", std::move(result));
  unit.inactive_exit_mono_us = end.started;
  unit.active_enter_mono_us = end.active;
  unit.active_exit_mono_us = end.left_active;
  unit.main_exit_mono_us = end.main_exit;
  unit.main_code = end.code;
  unit.main_status = end.status;
  return unit;
}

}  // namespace chiron::testing
