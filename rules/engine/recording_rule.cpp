#include "rules/engine/recording_rule.h"

#include <fmt/format.h>

namespace chiron::rules {

RecordingRule::RecordingRule(const RuleSpec& spec, const GroupSpec& group)
    : name_(spec.name), labels_(group.labels) {
  labels_.insert(labels_.end(), spec.labels.begin(), spec.labels.end());
}

Status RecordingRule::apply(std::span<const promql::VectorSample> result, std::uint64_t number,
                            std::size_t limit, Catalogue& catalogue, std::vector<FrameEntry>& out) {
  if (limit > 0 && result.size() > limit)
    return Error(ErrorCode::exhausted,
                 fmt::format("exceeded limit of {} with {} series", limit, result.size()));
  const std::size_t first = out.size();
  ids_.clear();
  for (const promql::VectorSample& element : result) {
    Recorded& recorded = series_[element.labels];
    if (recorded.series == kNoSeries) {
      Labels labels = element.labels;
      labels.set(kMetricName, name_);
      for (const auto& [name, value] : labels_) labels.set(name, value);
      recorded.series = catalogue.unpublished(labels);
    }
    recorded.seen = number;
    ids_.push_back(recorded.series);
    out.push_back({recorded.series, element.v});
  }
  std::sort(ids_.begin(), ids_.end());
  if (std::adjacent_find(ids_.begin(), ids_.end()) != ids_.end()) {
    out.resize(first);
    return Error(ErrorCode::invalid_argument,
                 "vector contains metrics with the same labelset after applying rule labels");
  }
  if (series_.size() > result.size())
    std::erase_if(series_, [&](const auto& one) { return one.second.seen != number; });
  return {};
}

}  // namespace chiron::rules
