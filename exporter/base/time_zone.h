#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace chiron {

/// What a clock on the wall shows, to the second, in no zone yet. std::chrono takes it apart:
///   const auto day = std::chrono::floor<std::chrono::days>(local);
///   std::chrono::weekday(day), std::chrono::year_month_day(day), std::chrono::hh_mm_ss(local - day)
using LocalTime = std::chrono::local_seconds;

/// A zone of the IANA database, by which instants become local times and back. A value; copies are cheap.
/// Thread-safe. A zone that was found once stays as it was read until the process ends, whatever an update of
/// the database changes.
class TimeZone {
 public:
  /// UTC.
  TimeZone() = default;

  /// "Europe/Paris"; "UTC"; "Local", the zone of this process (the variable TZ, else /etc/localtime, else
  /// UTC: localtime(5)). not_found with a hint for an unknown name; unavailable when the machine has no
  /// database; corrupt when its file cannot be read. The database is $TZDIR or /usr/share/zoneinfo
  /// (tzset(3)).
  static Result<TimeZone> find(std::string_view name);

  /// As it was asked for: "Local" stays "Local".
  const std::string& name() const { return name_; }

  /// What the clocks of the zone show at an instant. Every instant has one local time.
  LocalTime to_local(WallTime instant) const;

  /// The instants at which the clocks of a zone show a local time.
  struct Instants {
    enum class Kind {
      once,
      never,  ///< the clocks were put forward over it: `first` and `second` are both the moment of the change
      twice,  ///< the clocks were put back over it: `first` before the change, `second` after it
    };
    Kind kind = Kind::once;
    WallTime first, second;
  };
  Instants to_instants(LocalTime local) const;

 private:
  struct Zone;
  TimeZone(std::string name, std::shared_ptr<const Zone> zone);

  std::string name_ = "UTC";
  std::shared_ptr<const Zone> zone_;  ///< nothing: UTC
};

}  // namespace chiron
