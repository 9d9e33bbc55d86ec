#include "rules/engine/recording_rule.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::rules {

RecordingRule::RecordingRule(const RuleSpec& spec, const GroupSpec& group)
    : name_(spec.name), labels_(group.labels) {
  labels_.insert(labels_.end(), spec.labels.begin(), spec.labels.end());
}

Status RecordingRule::apply(std::span<const promql::Element> result, const promql::LabelSets& sets,
                            std::size_t limit, Catalogue& catalogue, std::vector<FrameEntry>& out) {
  if (limit > 0 && result.size() > limit)
    return Error(ErrorCode::exhausted,
                 fmt::format("exceeded limit of {} with {} series", limit, result.size()));
  if (epoch_ != sets.epoch()) series_.clear();
  epoch_ = sets.epoch();
  if (series_.size() < sets.size()) series_.resize(sets.size());
  ++evaluation_;
  ids_.clear();
  for (const promql::Element& element : result) ids_.push_back(series_of(element.labels, sets, catalogue));
  if (!are_different()) {
    return Error(ErrorCode::invalid_argument,
                 "vector contains metrics with the same labelset after applying rule labels");
  }
  for (std::size_t i = 0; i < result.size(); ++i) out.push_back({ids_[i], result[i].v});
  return {};
}

// Only what the last evaluation had is remembered: the id of a series that was away may be another's now.
SeriesId RecordingRule::series_of(promql::SetId id, const promql::LabelSets& sets, Catalogue& catalogue) {
  Recorded& recorded = series_[id];
  if (recorded.series == kNoSeries || recorded.seen + 1 < evaluation_) {
    Labels labels = sets[id];
    labels.set(kMetricName, name_);
    for (const auto& [name, value] : labels_) labels.set(name, value);
    recorded.series = catalogue.unpublished(labels);
  }
  recorded.seen = evaluation_;
  return recorded.series;
}

// That no two of the ids are the same; mostly they are those of the evaluation before.
bool RecordingRule::are_different() {
  if (ids_ == ids_before_) return true;
  sorted_ = ids_;
  std::sort(sorted_.begin(), sorted_.end());
  if (std::adjacent_find(sorted_.begin(), sorted_.end()) != sorted_.end()) return false;
  ids_before_ = ids_;
  return true;
}

}  // namespace chiron::rules
