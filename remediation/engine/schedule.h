#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/time_zone.h"
#include "remediation/engine/cron.h"
#include "remediation/ledger/ledger.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// When a remedy runs by the clock: at the times of `cron` in `zone`, or each time that `every` has passed.
struct ScheduleSpec {
  std::optional<CronExpression> cron;
  Duration every{};
  TimeZone zone;
  Duration jitter{};  ///< each host is later by a part of it that stays the same
  /// A time that passed while the agent was down is made up for, once.
  bool catch_up = false;
};
/// "0 3 * * * (Europe/Paris)", "every 6h": for people, and to tell that a schedule has been changed.
std::string to_string(const ScheduleSpec& schedule);

/// What part of the jitter is this host's, the same at every start: as systemd.timer(5) FixedRandomDelay=
/// makes it, from the machine's id and the name of what runs.
Duration jitter_of(const ScheduleSpec& schedule, std::string_view machine_id, std::string_view remedy);

/// How far a schedule has come. Of cron only `wall` of the moment means something: the time on the schedule.
struct Progress {
  Moment used{};     ///< the newest time that was run or passed over, or when the schedule was first seen
  bool ran = false;  ///< `used` is more than a first sight
};
/// The progress of a schedule that is seen for the first time now: nothing of the past is made up for.
Progress first_sight(const ScheduleSpec& schedule, Duration jitter, const Clock& clock);

/// What a schedule asks for now.
struct Turn {
  enum class Kind {
    wait,
    run,
    missed,  ///< a time of cron passed unseen, longer ago than kStillOnTime, and is not made up for
    anew,    ///< the same for an interval, or the wall clock was put right: it begins again, and waits
  };
  Kind kind = Kind::wait;
  WallTime at{};     ///< when it is, or was, due; of several that were missed the first
  Progress after{};  ///< the progress once this turn is taken; of wait the same as before
};

/// A time seen so late is on time: the agent restarted, the clock was put right. Later it is missed.
inline constexpr Duration kStillOnTime = std::chrono::minutes(5);
/// A wall clock that is put back by more than this was wrong before, and the schedule goes by the new time at
/// once; by less, and no time that was used comes again. cron(8) draws the line there.
inline constexpr Duration kSetRight = std::chrono::hours(3);

/// However many times have passed, they are one turn. Intervals go by the boot clock (age()); times of cron
/// by the wall clock.
Turn turn_of(const ScheduleSpec& schedule, const Progress& progress, Duration jitter, const Clock& clock);

}  // namespace chiron::remediation
