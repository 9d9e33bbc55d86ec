#pragma once

#include "exporter/series/catalogue.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chiron {

struct FrameEntry {
  SeriesId id;
  double value;
};

/// The values of one collector at one instant, as they are being written, and the faults met on the way.
/// Reused from pass to pass, so that a steady collector allocates nothing. Not thread-safe: one writer at a
/// time.
class Frame {
 public:
  void clear() {
    entries_.clear();
    dropped_ = 0;
    faults_.clear();
    fault_count_ = 0;
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

  /// A fault in words, where the status of the whole names but one of them (Problems::report()).
  void add_fault(std::string text) {
    faults_.push_back(std::move(text));
    ++fault_count_;
  }
  /// Faults that nobody put into words.
  void add_unnamed_faults(std::size_t count) { fault_count_ += count; }

  std::span<const FrameEntry> entries() const { return entries_; }
  std::size_t dropped() const { return dropped_; }
  std::span<const std::string> faults() const { return faults_; }
  /// With those that are not in words.
  std::size_t fault_count() const { return fault_count_; }

 private:
  std::vector<FrameEntry> entries_;
  std::size_t limit_ = 20'000;
  std::size_t dropped_ = 0;
  std::vector<std::string> faults_;
  std::size_t fault_count_ = 0;
};

}  // namespace chiron
