#pragma once

#include "exporter/series/frame.h"
#include "rules/engine/rule_file.h"

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chiron::rules {

/// Turns results into the samples of a recording rule. Not thread-safe.
class RecordingRule {
 public:
  RecordingRule(const RuleSpec& spec, const GroupSpec& group);

  /// Appends a sample for each element; on an error nothing is appended.
  Status apply(std::span<const promql::VectorSample> result, std::uint64_t number, std::size_t limit,
               Catalogue& catalogue, std::vector<FrameEntry>& out);
  /// Series ids may have been given to others: look them up again.
  void forget_series() { series_.clear(); }

 private:
  struct Recorded {
    SeriesId series = kNoSeries;
    std::uint64_t seen = 0;
  };
  const std::string name_;
  std::vector<std::pair<std::string, std::string>> labels_;
  std::unordered_map<Labels, Recorded, LabelsHash> series_;  ///< from the labels of the result's elements
  std::vector<SeriesId> ids_;
};

}  // namespace chiron::rules
