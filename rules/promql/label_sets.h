#pragma once

#include "exporter/series/labels.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chiron::promql {

/// Labels that tell what a metric is, not which one: they go when an operation makes something else of it.
inline constexpr std::array<std::string_view, 3> kMetadataLabels = {kMetricName, "__type__", "__unit__"};

/// A label set as a number: equal sets have equal numbers, so that evaluation compares and joins integers.
using SetId = std::uint32_t;
inline constexpr SetId kNoSet = 0xffffffff;

/// The label sets a query has met, each once. Not thread-safe.
class LabelSets {
 public:
  SetId intern(const Labels& labels);
  const Labels& operator[](SetId id) const { return *sets_[id]; }
  /// The set without its metric name (and type and unit, if it has these labels).
  SetId without_name(SetId id);

  std::size_t size() const { return sets_.size(); }
  /// What they and the tables of numbers beside them take in memory, roughly.
  std::size_t bytes() const { return bytes_; }
  void add_table(std::size_t bytes) { bytes_ += bytes; }
  /// Forgets all of them; numbers given out before mean nothing any more.
  void clear();
  /// Moves with clear(): what is remembered per number must be dropped then.
  std::uint64_t epoch() const { return epoch_; }

 private:
  std::unordered_map<Labels, SetId, LabelsHash> ids_;
  std::vector<const Labels*> sets_;  // the keys of ids_, which do not move
  std::vector<SetId> nameless_;
  std::size_t bytes_ = 0;
  std::uint64_t epoch_ = 1;
};

/// A number per label set that is worked out once: a group, a match signature, an output's labels.
class SetMap {
 public:
  /// One that `make` gives as kNoSet is not kept.
  template <class Make>
  std::uint32_t get(LabelSets& sets, SetId id, Make make) {
    if (epoch_ != sets.epoch()) {
      values_ = {};
      epoch_ = sets.epoch();
    }
    if (id >= values_.size()) {
      const std::size_t before = values_.capacity();
      values_.resize(sets.size(), kNoSet);
      sets.add_table((values_.capacity() - before) * sizeof(std::uint32_t));
    }
    if (values_[id] == kNoSet) {
      const std::uint32_t made = make(id);
      values_[id] = made;
    }
    return values_[id];
  }

 private:
  std::vector<std::uint32_t> values_;
  std::uint64_t epoch_ = 0;
};

/// A number per label set that lasts for one pass; starting a pass costs nothing.
class Slots {
 public:
  static constexpr std::uint32_t kEmpty = 0xffffffff;

  void start(LabelSets& sets) {
    if (epoch_ != sets.epoch()) {
      slots_ = {};
      counted_ = 0;
      epoch_ = sets.epoch();
    }
    if (slots_.size() < sets.size()) slots_.resize(sets.size() + sets.size() / 2);
    if (slots_.capacity() > counted_) sets.add_table((slots_.capacity() - counted_) * sizeof(Slot));
    counted_ = slots_.capacity();
    if (++pass_ == 0) {
      slots_.assign(slots_.size(), {});
      pass_ = 1;
    }
  }
  /// kEmpty until written in this pass.
  std::uint32_t& operator[](SetId id) {
    if (id >= slots_.size()) slots_.resize(id + id / 2 + 1);
    Slot& slot = slots_[id];
    if (slot.pass != pass_) slot = {pass_, kEmpty};
    return slot.value;
  }

 private:
  struct Slot {
    std::uint32_t pass = 0;
    std::uint32_t value = kEmpty;
  };
  std::vector<Slot> slots_;
  std::size_t counted_ = 0;  // slots that the sets know of
  std::uint64_t epoch_ = 0;
  std::uint32_t pass_ = 0;
};

/// What a copy of the labels takes in memory, roughly.
std::size_t bytes_of(const Labels& labels);
/// As Prometheus' errors have label sets: the name among the labels.
std::string in_braces(const Labels& labels);
/// Only the named labels.
Labels keep_labels(const Labels& labels, const std::vector<std::string>& names);
/// Without the named labels and the metric name.
Labels drop_labels(const Labels& labels, const std::vector<std::string>& names);

}  // namespace chiron::promql
