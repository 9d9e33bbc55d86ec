#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron {

/// A row of ListUnits (org.freedesktop.systemd1(5)).
struct UnitSummary {
  std::string name;
  std::string description;
  std::string load_state;    ///< loaded, not-found, masked, ...
  std::string active_state;  ///< active, reloading, inactive, failed, activating, deactivating
  std::string sub_state;     ///< running, dead, auto-restart, ...
};

/// Properties of one unit that Chiron decides on.
struct UnitState {
  std::string id;  ///< the canonical name; an alias that was asked for resolves to it
  std::string load_state;
  std::string active_state;
  std::string sub_state;
  std::string unit_file_state;  ///< enabled, disabled, static, masked, ...
  std::string result;           ///< of the service: success, exit-code, signal, start-limit-hit, ...
  std::string invocation_id;    ///< 32 hex digits, "" when never started
  std::string type;             ///< service type: simple, notify, oneshot, ...
  bool refuse_manual_start = false;
  bool refuse_manual_stop = false;
  bool remain_after_exit = false;
  bool can_reload = false;            ///< CanReload: there is an ExecReload= or the like
  std::uint32_t restarts = 0;         ///< NRestarts
  std::uint64_t active_enter_us = 0;  ///< CLOCK_REALTIME
  std::uint64_t inactive_enter_us = 0;
  std::uint64_t state_change_us = 0;
  std::uint32_t main_pid = 0;

  // How the unit came to be where it is: what tells a stop that was asked for from a process that ended by
  // itself.
  std::vector<std::string> names;  ///< all aliases, id included
  /// Units that systemd stops or restarts along with this one when they are up: RequiredBy, RequisiteOf,
  /// BoundBy, ConsistsOf (PartOf= of theirs), PropagatesStopTo.
  std::vector<std::string> takes_along;
  std::vector<std::string> reloads_along;  ///< PropagatesReloadTo: reloaded along with it when they are up
  std::vector<std::string> conflicts;      ///< Conflicts, ConflictedBy: units that a start stops
  std::uint32_t job = 0;                   ///< the job that is queued or runs, 0 when none
  std::int32_t main_code =
      0;  ///< CLD_EXITED, CLD_KILLED, ... of the main process (waitid(2)), 0 when it has not ended
  std::int32_t main_status = 0;  ///< exit code or signal
  // CLOCK_MONOTONIC in microseconds, 0 when it never happened.
  std::uint64_t inactive_exit_mono_us = 0;  ///< the last start began
  std::uint64_t active_enter_mono_us = 0;   ///< it was up
  std::uint64_t active_exit_mono_us = 0;    ///< it began to stop, or had stopped
  std::uint64_t main_exit_mono_us = 0;      ///< the main process ended
};

enum class UnitVerb { start, stop, restart, reload };
/// start, stop, restart, reload.
std::string_view to_string(UnitVerb verb);

struct JobRequest {
  UnitVerb verb = UnitVerb::restart;
  std::string unit;
  Duration timeout{};
  /// Sees the unit as it is right before the job is queued. An error keeps the job from being queued, and is
  /// the answer.
  std::function<Status(const UnitState& before)> guard{};
};

/// What systemd said when a job ended, and the unit before and after it.
struct JobOutcome {
  std::string result;  ///< done, failed, canceled, timeout, dependency, skipped
  UnitState before;
  UnitState after;
};

/// The system manager over D-Bus. Each object holds one connection, made on first use and again after it
/// broke; one thread at a time. No call waits longer than its timeout.
class SystemdManager {
 public:
  virtual ~SystemdManager() = default;
  virtual Result<std::vector<UnitSummary>> list_units(Duration timeout) = 0;
  /// ErrorCode::not_found when no such unit is loaded or loadable.
  virtual Result<UnitState> unit(std::string_view name, Duration timeout) = 0;
  /// Whether the manager's own state is "running", "degraded", ...; and its version.
  virtual Result<std::string> system_state(Duration timeout) = 0;
  virtual Result<std::string> version(Duration timeout) = 0;
  /// Queues a job ("replace") and waits for JobRemoved of that very job. The subscription is in place before
  /// the call. On timeout or cancel the job is left to systemd and the error says so.
  virtual Result<JobOutcome> run_job(const JobRequest& request, const CancelToken& cancel) = 0;
  virtual Status reset_failed(std::string_view unit, Duration timeout) = 0;
  /// Unsigned numbers among the properties of the unit's kind (org.freedesktop.systemd1.Service, ...), in the
  /// order asked for; not_supported when it has no such property.
  virtual Result<std::vector<std::uint64_t>> numbers(std::string_view unit,
                                                     const std::vector<std::string>& properties,
                                                     Duration timeout) = 0;
  /// SetUnitProperties, for as long as the host runs ("runtime"): all of them or none.
  virtual Status set_numbers(std::string_view unit,
                             const std::vector<std::pair<std::string, std::uint64_t>>& properties,
                             Duration timeout) = 0;
};

struct BusAddress {
  std::string address;  ///< D-Bus address; "" is the system bus
};
std::unique_ptr<SystemdManager> make_systemd_manager(BusAddress address);

/// unit names as systemd.unit(5) allows them, with a suffix, at most 255 bytes: no slash, no "..", no blank.
bool is_valid_unit_name(std::string_view name);

/// The name that systemctl(1) makes of what a person wrote: "nginx" is nginx.service; a name with a suffix
/// stays.
std::string full_unit_name(std::string_view name);

/// As sd_notify(3), to the service manager that started us; does nothing without NOTIFY_SOCKET. A manager
/// that does not read (it holds up to net.unix.max_dgram_qlen messages) is waited for at most `patience`,
/// then the message is dropped.
void notify_service_manager(std::string_view state, Duration patience = Duration::zero());
/// sd_watchdog_enabled(3): the interval asked for, zero when none.
Duration watchdog_interval();

}  // namespace chiron
