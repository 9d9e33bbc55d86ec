#pragma once

#include "exporter/base/thread_annotations.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"
#include "exporter/series/reader.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace chiron {

/// A source of frames: one per collector and per rule group. Its frames share one timestamp column.
enum class StreamId : std::uint32_t {};

/// In-memory history of all frames: a ring of blocks per stream, bounded in age and in bytes. Over budget the
/// oldest block goes first. Appending happens on the sampling thread only; reading on any thread.
class Store final : public SeriesReader {
 public:
  struct Options {
    Duration retention = std::chrono::minutes(30);
    std::size_t memory = 16u << 20;  ///< bytes, the sample columns and their index
  };
  Store(Catalogue& catalogue, Options options);
  ~Store() override;

  StreamId add_stream();

  /// Appends one frame. A timestamp not newer than the stream's last is moved to 1 ms after it. Series that
  /// were in the stream's last frame and are not in this one get a staleness marker.
  void append(StreamId stream, TimestampMs t, std::span<const FrameEntry> entries);
  /// Ends all series of a stream with a staleness marker.
  void end_stream(StreamId stream, TimestampMs t);
  /// Drops what is past retention or budget, and forgets series without samples: those that lost their last
  /// one, and those that were interned and not written for half the retention. Once per pass.
  void trim(TimestampMs now);

  /// The stream that last wrote a series.
  std::optional<StreamId> stream_of(SeriesId id) const;
  std::size_t bytes() const;
  std::size_t samples() const;
  /// Samples dropped because of the byte budget rather than of their age, ever.
  std::uint64_t evicted() const;

  std::uint64_t generation() const override { return catalogue_.generation(); }
  void select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const override {
    catalogue_.select(matchers, out);
  }
  const Labels& labels(SeriesId id) const override { return catalogue_.labels(id); }
  std::optional<Sample> latest(SeriesId id, TimestampMs after, TimestampMs until) const override;
  void latest(std::span<const SeriesId> ids, TimestampMs after, TimestampMs until,
              std::span<Sample> out) const override;
  void range(SeriesId id, TimestampMs after, TimestampMs until, Markers markers,
             std::vector<Sample>& out) const override;
  TimestampMs newest() const override;
  TimestampMs oldest() const override;
  /// As they come from a Prometheus server, whose storage merges those that it reads from.
  bool sorts_by_labels() const override { return true; }

 private:
  struct Impl;
  std::vector<SeriesId> long_unwritten(TimestampMs now);

  Catalogue& catalogue_;
  const Options options_;
  // Sampling thread only.
  std::vector<SeriesId> unwritten_;  // had no samples when last looked, at
  TimestampMs looked_ = 0;
  mutable SharedMutex mutex_;
  const std::unique_ptr<Impl> impl_ CHIRON_PT_GUARDED_BY(mutex_);
};

}  // namespace chiron
