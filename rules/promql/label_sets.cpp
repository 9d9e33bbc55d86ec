#include "rules/promql/label_sets.h"

#include "exporter/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// The node of the hash table, and an entry in each of the lists by number.
constexpr std::size_t kBesideLabels = 128;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class Wanted>
Labels filtered(const Labels& labels, Wanted wanted) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    if (wanted(label.name)) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

}  // namespace

std::size_t bytes_of(const Labels& labels) {
  constexpr std::size_t kBlock = 16;  // what the allocator takes beside each
  const auto on_heap = [](const std::string& text) {
    return text.size() < sizeof(std::string) / 2 ? 0 : text.size() + kBlock;
  };
  std::size_t bytes = kBlock;
  for (const Label& label : labels) bytes += sizeof(Label) + on_heap(label.name) + on_heap(label.value);
  return bytes;
}

std::string in_braces(const Labels& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}={}", is_valid_label_name(label.name) ? label.name : quoted(label.name),
                       quoted(label.value));
  }
  return out + "}";
}

SetId LabelSets::intern(const Labels& labels) {
  const auto [at, fresh] = ids_.try_emplace(labels, static_cast<SetId>(sets_.size()));
  if (fresh) {
    sets_.push_back(&at->first);
    nameless_.push_back(kNoSet);
    bytes_ += kBesideLabels + bytes_of(labels);
  }
  return at->second;
}

SetId LabelSets::without_name(SetId id) {
  if (nameless_[id] == kNoSet) {
    Labels labels = *sets_[id];
    for (const std::string_view name : kMetadataLabels) labels.erase(name);
    const SetId nameless = intern(labels);
    nameless_[id] = nameless;
  }
  return nameless_[id];
}

void LabelSets::clear() {
  ids_.clear();
  sets_.clear();
  nameless_.clear();
  bytes_ = 0;
  ++epoch_;
}

Labels keep_labels(const Labels& labels, const std::vector<std::string>& names) {
  return filtered(labels, [&](const std::string& name) { return contains(names, name); });
}

Labels drop_labels(const Labels& labels, const std::vector<std::string>& names) {
  return filtered(labels,
                  [&](const std::string& name) { return name != kMetricName && !contains(names, name); });
}

}  // namespace chiron::promql
