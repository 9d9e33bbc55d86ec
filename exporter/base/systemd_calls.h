#pragma once

#include "exporter/base/bus_connection.h"
#include "exporter/base/systemd.h"

#include <map>
#include <string>

namespace chiron::systemd1 {

/// What the adapters in this folder that act on units share (org.freedesktop.systemd1(5)).
inline constexpr const char* kService = "org.freedesktop.systemd1";
inline constexpr const char* kPath = "/org/freedesktop/systemd1";
inline constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
inline constexpr const char* kProperties = "org.freedesktop.DBus.Properties";

Error malformed(const char* what);
BusMessage manager_method(BusConnection& bus, const char* member);
/// The object of a unit, which is loaded for it. Not yet whether there is such a unit.
Result<std::string> unit_path(BusConnection& bus, const std::string& unit, BootTime deadline);
/// not_found when there is no such unit.
Result<UnitState> read_unit(BusConnection& bus, const std::string& unit, BootTime deadline);

/// Jobs and how they end. The subscription is in place before a job is queued: the signal may overtake the
/// method's answer.
class JobWatch {
 public:
  explicit JobWatch(BusConnection& bus) : bus_(bus) {}

  /// Has systemd tell us of jobs that end. Once per connection.
  Status subscribe(BootTime deadline);
  /// Makes a call that is answered with a job; its path. After subscribe().
  Result<std::string> queue(BusMessage call, const char* method, BootTime deadline);
  /// The result of a job that was queued here; nothing is known of others. timed_out and cancelled leave the
  /// job to systemd.
  Result<std::string> wait(const std::string& job, BootTime deadline, const CancelToken* cancel);

 private:
  BusConnection& bus_;
  std::uint64_t subscribed_generation_ = 0;
  /// Object path and result of the jobs that ended since a job was queued, and whether one is. Signals of
  /// jobs that nobody here waits for are as many as the host has.
  std::map<std::string, std::string> ended_;
  bool expecting_ = false;
};

}  // namespace chiron::systemd1
