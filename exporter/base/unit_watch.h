#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/base/systemd.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace chiron {

/// A unit as systemd last told of it. The details are those of units that are wanted and loaded.
struct WatchedUnit {
  UnitSummary row;
  bool detailed = false;  ///< the details have been read
  std::string type;       ///< of a service: simple, notify, ...; of a mount: its file system
  std::uint32_t restarts = 0;
  std::uint64_t active_enter_us = 0;                                    ///< CLOCK_REALTIME
  std::string control_group;                                            ///< "" when it has none
  std::uint64_t tasks_max = std::numeric_limits<std::uint64_t>::max();  ///< the highest number: no limit
  std::uint64_t last_trigger_us = 0;                                    ///< of a timer, CLOCK_REALTIME
  bool accepts = false;  ///< of a socket: Accept=yes, the only ones that systemd counts connections of
  std::uint32_t accepted = 0;
  std::uint32_t connections = 0;
  std::uint32_t refused = 0;
};
using WatchedUnits = std::map<std::string, WatchedUnit, std::less<>>;

struct ManagerFacts {
  std::string state;  ///< running, degraded, ...
  std::string version;
  std::string virtualization;  ///< "" on bare metal
};

/// All loaded units, kept up to date by systemd's own signals over one connection, so that a pass in which
/// nothing happened costs one call however many units there are. The whole list is read again when the
/// connection is new, when systemd has reloaded, when more signals came than a list costs, and now and then
/// in case one was lost. One thread at a time.
class UnitWatch {
 public:
  virtual ~UnitWatch() = default;
  /// Waits for what systemd had to say until now, at most `timeout`. After an error units() is out of date.
  /// Details that could not be read in half of that time are read in the next update.
  virtual Status update(Duration timeout) = 0;
  /// Places of units stay until they are gone.
  virtual const WatchedUnits& units() const = 0;
  virtual const ManagerFacts& manager() const = 0;
  /// Another number when any unit came, went or changed.
  virtual std::uint64_t revision() const = 0;
  /// The canonical name of a loaded unit, by any of its names. not_found when it is not loaded.
  virtual Result<std::string> canonical_name(const std::string& name, Duration timeout) = 0;
};

/// Which details are read.
struct UnitInterest {
  std::function<bool(std::string_view name)> wanted;
  std::function<bool(std::string_view name)> control_group;  ///< of wanted units
  bool tasks_max = false;                                    ///< of services
};
std::unique_ptr<UnitWatch> make_unit_watch(BusAddress address, UnitInterest interest);

}  // namespace chiron
