#pragma once

#include "exporter/series/frame.h"
#include "rules/engine/rule_file.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chiron::rules {

/// Turns results into the samples of a recording rule. Not thread-safe.
class RecordingRule {
 public:
  RecordingRule(const RuleSpec& spec, const GroupSpec& group);

  /// Appends a sample for each element; on an error nothing is appended.
  Status apply(std::span<const promql::Element> result, const promql::LabelSets& sets, std::size_t limit,
               Catalogue& catalogue, std::vector<FrameEntry>& out);
  /// Series ids may have been given to others: look them up again.
  void forget_series() { series_.clear(); }

 private:
  struct Recorded {
    SeriesId series = kNoSeries;
    std::uint64_t seen = 0;  ///< the last evaluation with it
  };
  SeriesId series_of(promql::SetId id, const promql::LabelSets& sets, Catalogue& catalogue);
  bool are_different();

  const std::string name_;
  std::vector<std::pair<std::string, std::string>> labels_;
  std::vector<Recorded> series_;  ///< by the number of the element's label set
  std::uint64_t epoch_ = 0;       ///< of those numbers
  std::uint64_t evaluation_ = 0;
  std::vector<SeriesId> ids_, ids_before_, sorted_;
};

}  // namespace chiron::rules
