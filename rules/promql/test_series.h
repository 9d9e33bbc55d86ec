#pragma once

#include "exporter/series/reader.h"

#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chiron::promql {

/// A series and its values as Prometheus' test files write them: `up{job="a"} 0+10x3 _ stale NaN`.
struct SeriesLine {
  Labels labels;
  std::vector<std::optional<double>>
      values;                        ///< nothing: no sample in that slot; may be the staleness marker
  std::optional<Error> unsupported;  ///< a native histogram was among the values, and is a gap there
};
Result<SeriesLine> parse_series_line(std::string_view text);

/// A line before that of a series, with what its samples' start timestamps are away from their own:
/// `up{job="a"}@st _ -30s -1mx2 0-1mx3 *x2`, where * is the one before. A line without a series is for those
/// after it that have none.
struct StartsLine {
  Labels labels;
  std::vector<std::optional<TimestampMs>> offsets;
};
bool is_starts_line(std::string_view text);
Result<StartsLine> parse_starts_line(std::string_view text);

/// Series written down in a test. Not thread-safe while it is being filled.
class TestSeries final : public SeriesReader, private StartTimestamps {
 public:
  /// One sample; a second one at the same time replaces the first. `start`: 0 for none.
  void add(const Labels& labels, Sample sample, TimestampMs start = 0);
  void clear();

  std::uint64_t generation() const override { return generation_; }
  void select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const override;
  const Labels& labels(SeriesId id) const override { return series_[static_cast<std::size_t>(id)].labels; }
  std::optional<Sample> latest(SeriesId id, TimestampMs after, TimestampMs until) const override;
  void latest(std::span<const SeriesId> ids, TimestampMs after, TimestampMs until,
              std::span<Sample> out) const override;
  void range(SeriesId id, TimestampMs after, TimestampMs until, Markers markers,
             std::vector<Sample>& out) const override;
  const StartTimestamps* starts() const override { return this; }
  TimestampMs newest() const override;
  TimestampMs oldest() const override;
  /// Prometheus' own tests have them in the order they were loaded in.
  bool sorts_by_labels() const override { return false; }

 private:
  struct Point {
    double v = 0;
    TimestampMs start = 0;
  };
  struct Series {
    Labels labels;
    std::map<TimestampMs, Point> samples;
  };
  TimestampMs start_of(SeriesId id, TimestampMs t) const override;

  std::deque<Series> series_;
  std::unordered_map<Labels, std::size_t, LabelsHash> by_labels_;
  std::uint64_t generation_ = 1;
};

}  // namespace chiron::promql
