#pragma once

#include "exporter/series/catalogue.h"

#include <cstddef>
#include <span>
#include <vector>

namespace chiron {

struct FrameEntry {
  SeriesId id;
  double value;
};

/// The values of one collector at one instant, as they are being written. Reused from pass to pass, so that a
/// steady collector allocates nothing. Not thread-safe: one writer at a time.
class Frame {
 public:
  void clear() {
    entries_.clear();
    dropped_ = 0;
  }
  /// Most series a frame takes; what comes after is counted in dropped().
  void set_limit(std::size_t limit) { limit_ = limit; }

  void add(SeriesId id, double value) {
    if (entries_.size() >= limit_) {
      ++dropped_;
      return;
    }
    entries_.push_back({id, value});
  }

  std::span<const FrameEntry> entries() const { return entries_; }
  std::size_t dropped() const { return dropped_; }

 private:
  std::vector<FrameEntry> entries_;
  std::size_t limit_ = 20'000;
  std::size_t dropped_ = 0;
};

}  // namespace chiron
