#pragma once

#include "exporter/series/catalogue.h"
#include "exporter/series/sample.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace chiron {

/// When the counts in samples began, where that is known.
class StartTimestamps {
 public:
  virtual ~StartTimestamps() = default;
  /// Of the series' sample at `t`; 0 when it has none.
  virtual TimestampMs start_of(SeriesId id, TimestampMs t) const = 0;
};

/// Read access to series and their samples: what PromQL is evaluated over. Thread-safe; every call sees a
/// consistent state, successive calls may see newer samples.
class SeriesReader {
 public:
  virtual ~SeriesReader() = default;

  /// Moves whenever select() could answer differently.
  virtual std::uint64_t generation() const = 0;
  /// Appends the ids of all series that satisfy all matchers.
  virtual void select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const = 0;
  /// Valid for as long as the id was obtained less than a minute ago or the series is still written.
  virtual const Labels& labels(SeriesId id) const = 0;

  /// The newest sample with after < t <= until, or nothing when there is none or it is a staleness marker.
  virtual std::optional<Sample> latest(SeriesId id, TimestampMs after, TimestampMs until) const = 0;
  /// latest() of several series. `out` has the same size; what is missing has the timestamp kNever. Whoever
  /// asks for many does so some hundreds at a time: writing waits meanwhile.
  virtual void latest(std::span<const SeriesId> ids, TimestampMs after, TimestampMs until,
                      std::span<Sample> out) const = 0;
  static constexpr TimestampMs kNever = std::numeric_limits<TimestampMs>::min();

  enum class Markers { left_out, kept };
  /// Appends the samples with after < t <= until, ascending: none when `until` is not after `after`.
  virtual void range(SeriesId id, TimestampMs after, TimestampMs until, Markers markers,
                     std::vector<Sample>& out) const = 0;

  /// Null when no sample has one.
  virtual const StartTimestamps* starts() const { return nullptr; }

  /// Timestamp of the newest frame of the host: "now" for queries that name no time. 0 before the first.
  virtual TimestampMs newest() const = 0;
  /// Timestamp of the oldest sample kept.
  virtual TimestampMs oldest() const = 0;

  /// Whether results come sorted by labels where nothing else orders them; otherwise as select() has them.
  virtual bool sorts_by_labels() const = 0;
};

}  // namespace chiron
