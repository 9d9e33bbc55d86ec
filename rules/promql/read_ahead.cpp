#include "rules/promql/read_ahead.h"

#include "rules/promql/sample_buffers.h"

namespace chiron::promql {
namespace {

// 32 MB of samples, beside those that the windows need.
constexpr std::size_t kMostAhead = std::size_t{2} << 20;
constexpr TimestampMs kFirstSteps = 16;
constexpr std::size_t kManySeries = 4096;

}  // namespace

void ReadAhead::choose_distance(std::size_t series, TimestampMs step) {
  if (distance_ == 0) {
    distance_ = series < kManySeries ? kFirstSteps * step : step;
  } else if (samples_.size() > kMostAhead / 2) {
    distance_ = std::max(step, distance_ / 2);
  } else if (samples_.size() < kMostAhead / 8) {
    distance_ *= 2;
  }
}

bool ReadAhead::load(Context& context, const std::vector<ResolvedSelector::Series>& series, TimestampMs after,
                     TimestampMs until, TimestampMs distance) {
  if (context.limits.buffers != nullptr && samples_.capacity() == 0) context.limits.buffers->lend(samples_);
  samples_.clear();
  tracks_.clear();
  for (const ResolvedSelector::Series& one : series) {
    const std::size_t begin = samples_.size();
    context.reader.range(one.id, after, until + distance, markers_, samples_);
    if (!context.tick(1 + samples_.size() - begin)) return false;
    tracks_.push_back({begin, distance == 0 ? samples_.size() : begin, samples_.size()});
    if (samples_.size() > context.limits.max_samples + kMostAhead) break;
  }
  loaded_until_ = until + distance;
  return true;
}

bool ReadAhead::advance(Context& context, ResolvedSelector& selector, TimestampMs after, TimestampMs until) {
  const std::vector<ResolvedSelector::Series>& series = selector.series(context);
  if (!loaded_ || version_ != selector.version()) {
    loaded_ = true;
    version_ = selector.version();
    distance_ = 0;
    if (!load(context, series, after, until, 0)) return false;
  } else if (until > loaded_until_) {
    choose_distance(series.size(), until - last_until_);
    if (!load(context, series, after, until, distance_)) return false;
  }
  // The last resort: what lies ahead takes too much, or the windows themselves do.
  if (tracks_.size() < series.size()) {
    if (!load(context, series, after, until, 0)) return false;
    if (tracks_.size() < series.size()) return context.too_many_samples();
  }
  last_until_ = until;
  for (Track& track : tracks_) {
    while (track.begin < track.stop && samples_[track.begin].t <= after) ++track.begin;
    track.end = std::max(track.end, track.begin);
    while (track.end < track.stop && samples_[track.end].t <= until) ++track.end;
  }
  return context.tick(tracks_.size() / 64);
}

}  // namespace chiron::promql
