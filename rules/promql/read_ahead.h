#pragma once

#include "rules/promql/plan.h"
#include "rules/promql/resolved_selector.h"

#include <span>
#include <vector>

namespace chiron::promql {

/// The samples of a selector's series for an evaluation over several steps: read well ahead of them, so that
/// each is unpacked about once however often windows overlap. How far ahead is bounded, and grows with the
/// number of steps there turn out to be.
class ReadAhead {
 public:
  explicit ReadAhead(SeriesReader::Markers markers) : markers_(markers) {}

  /// Moves the windows of all series to (after, until]. Both have moved on, or stayed, since the last call in
  /// this evaluation, unless that call was start(). False when the evaluation failed.
  bool advance(Context& context, ResolvedSelector& selector, TimestampMs after, TimestampMs until);
  /// The next advance() reads afresh.
  void start() { loaded_ = false; }

  /// By the series' place in the selector.
  std::span<const Sample> window(std::size_t series) const {
    const Track& track = tracks_[series];
    return std::span(samples_).subspan(track.begin, track.end - track.begin);
  }
  /// All that was read; window() is a part of it.
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  struct Track {
    std::size_t begin, end;  ///< the window, in samples_
    std::size_t stop;        ///< where the series' samples end
  };

  bool load(Context& context, const std::vector<ResolvedSelector::Series>& series, TimestampMs after,
            TimestampMs until, TimestampMs distance);
  void choose_distance(std::size_t series, TimestampMs step);

  const SeriesReader::Markers markers_;
  bool loaded_ = false;
  std::uint64_t version_ = 0;  // of the selector's series
  TimestampMs last_until_ = 0;
  TimestampMs loaded_until_ = 0;
  TimestampMs distance_ = 0;  // 0: not chosen yet
  std::vector<Sample> samples_;
  std::vector<Track> tracks_;
};

}  // namespace chiron::promql
