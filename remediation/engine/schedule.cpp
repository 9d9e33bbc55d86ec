#include "remediation/engine/schedule.h"

#include "exporter/base/fnv.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Kind = Turn::Kind;

std::uint64_t hash_of(std::string_view one, std::string_view other) {
  Fnv1a fnv;
  for (const std::string_view text : {one, std::string_view("\0", 1), other}) fnv.add(text);
  std::uint64_t hash = fnv.value();
  // Its last bytes hardly reach the high bits, which decide below (the finalizer of MurmurHash3).
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  return hash;
}

WallTime later(WallTime time, Duration by) {
  return time + std::chrono::duration_cast<std::chrono::milliseconds>(by);
}

Progress used_at(WallTime wall) { return {{wall, {}, {}}, true}; }

Turn turn_of_cron(const ScheduleSpec& schedule, const Progress& progress, Duration jitter,
                  const Clock& clock) {
  const WallTime now = later(clock.wall(), -jitter);
  const WallTime used = progress.used.wall;
  if (used > later(now, kSetRight)) {
    return {Kind::anew, later(schedule.cron->next(now, schedule.zone), jitter), used_at(now)};
  }
  WallTime next = schedule.cron->next(used, schedule.zone);
  const WallTime first = next;
  if (next > now) return {Kind::wait, later(next, jitter), progress};
  // Of those that are still on time the newest.
  next = std::max(next, schedule.cron->next(std::max(used, later(now, -kStillOnTime)), schedule.zone));
  if (next > now) {
    return {schedule.catch_up ? Kind::run : Kind::missed, later(first, jitter), used_at(now)};
  }
  for (WallTime after = next; after <= now; after = schedule.cron->next(next, schedule.zone)) next = after;
  return {Kind::run, later(next, jitter), used_at(next)};
}

Turn turn_of_interval(const ScheduleSpec& schedule, const Progress& progress, Duration jitter,
                      const Clock& clock) {
  const Duration length = progress.ran ? schedule.every : schedule.every + jitter;
  const Duration late = age(progress.used, clock) - length;
  const WallTime at = later(clock.wall(), -late);
  if (late < Duration::zero()) return {Kind::wait, at, progress};
  if (late > std::min(kStillOnTime, schedule.every)) {
    return {schedule.catch_up ? Kind::run : Kind::anew, at, {moment_now(clock), true}};
  }
  // From when it was due, so that being seen a little late does not add up.
  Moment due = moment_now(clock);
  due.wall = later(due.wall, -late);
  due.boot -= late;
  return {Kind::run, at, {std::move(due), true}};
}

}  // namespace

std::string to_string(const ScheduleSpec& schedule) {
  if (!schedule.cron) return "every " + format_duration(schedule.every);
  return fmt::format("{} ({})", schedule.cron->text(), schedule.zone.name());
}

Duration jitter_of(const ScheduleSpec& schedule, std::string_view machine_id, std::string_view remedy) {
  // The same multiple for any jitter: a host that is early stays early when the jitter is changed.
  const double part = static_cast<double>(hash_of(machine_id, remedy) >> 11) * 0x1p-53;
  return Duration(static_cast<Duration::rep>(static_cast<double>(schedule.jitter.count()) * part));
}

Progress first_sight(const ScheduleSpec& schedule, Duration jitter, const Clock& clock) {
  Moment now = moment_now(clock);
  if (schedule.cron) now.wall = later(now.wall, -jitter);
  return {std::move(now), false};
}

Turn turn_of(const ScheduleSpec& schedule, const Progress& progress, Duration jitter, const Clock& clock) {
  return schedule.cron ? turn_of_cron(schedule, progress, jitter, clock)
                       : turn_of_interval(schedule, progress, jitter, clock);
}

}  // namespace chiron::remediation
