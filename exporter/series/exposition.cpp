#include "exporter/series/exposition.h"

#include "exporter/base/gzip.h"

#include <unordered_map>
#include <unordered_set>

namespace chiron {
namespace {

/// Selections of collectors that are kept: as many as scrape jobs of one host may have.
constexpr std::size_t kNarrowedKept = 4;

template <class T>
void keep(std::deque<T>& kept, T one) {
  if (kept.size() >= kNarrowedKept) kept.pop_front();
  kept.push_back(std::move(one));
}

/// What the parts of one histogram or summary have in common.
std::string composite_key(const Catalogue& catalogue, const ExposedSeries& one) {
  const std::string_view part = part_label(catalogue.family(one.family).type);
  std::vector<Label> labels = parse_prefix(catalogue.prefix(one.id)).labels;
  std::erase_if(labels, [part](const Label& label) { return label.name == part; });
  return make_prefix("", labels);
}

/// The parts of one histogram or summary stand together, as every format wants it; else the order stays.
void group_parts(const Catalogue& catalogue, std::span<ExposedSeries> family) {
  if (part_label(catalogue.family(family.front().family).type).empty()) return;
  std::unordered_map<std::string, std::size_t> turns;
  std::unordered_map<std::uint32_t, std::size_t> turn_of;
  for (const ExposedSeries& one : family) {
    turn_of[one.entry] = turns.try_emplace(composite_key(catalogue, one), turns.size()).first->second;
  }
  std::stable_sort(family.begin(), family.end(), [&](const ExposedSeries& a, const ExposedSeries& b) {
    return turn_of[a.entry] < turn_of[b.entry];
  });
}

}  // namespace

ExpositionLayout::ExpositionLayout(const Catalogue& catalogue, std::span<const FrameEntry> entries)
    : catalogue_(catalogue) {
  std::unordered_set<std::uint32_t> seen;
  ids_.reserve(entries.size());
  series_.reserve(entries.size());
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    ids_.push_back(entries[i].id);
    const FamilyId family = catalogue.family_of(entries[i].id);
    if (family != kUnpublished && seen.insert(static_cast<std::uint32_t>(entries[i].id)).second) {
      series_.push_back({i, entries[i].id, family});
    }
  }
  std::stable_sort(series_.begin(), series_.end(), [&](const ExposedSeries& a, const ExposedSeries& b) {
    return a.family != b.family && catalogue.family(a.family).name < catalogue.family(b.family).name;
  });
  for (auto begin = series_.begin(); begin != series_.end();) {
    const auto end = std::find_if(begin, series_.end(),
                                  [&](const ExposedSeries& one) { return one.family != begin->family; });
    group_parts(catalogue, {begin, end});
    begin = end;
  }
}

bool ExpositionLayout::fits(std::span<const FrameEntry> entries) const {
  return entries.size() == ids_.size() &&
         std::equal(entries.begin(), entries.end(), ids_.begin(),
                    [](const FrameEntry& entry, SeriesId id) { return entry.id == id; });
}

void ExpositionLayout::render(PageFormat format, std::span<const FrameEntry> entries,
                              std::string& out) const {
  const auto once = [&](auto make) { std::call_once(made_[static_cast<std::size_t>(format)], make); };
  switch (format) {
    case PageFormat::text:
      once([this] { text_.emplace(catalogue_, series_, TextLayout::Dialect::prometheus); });
      return text_->render(entries, out);
    case PageFormat::openmetrics:
      once([this] { openmetrics_.emplace(catalogue_, series_, TextLayout::Dialect::openmetrics); });
      return openmetrics_->render(entries, out);
    case PageFormat::protobuf:
      once([this] { protobuf_.emplace(catalogue_, series_); });
      return protobuf_->render(entries, out);
  }
}

std::shared_ptr<const ExpositionLayout> ExpositionLayout::narrowed(
    std::span<const FrameEntry> entries) const {
  const MutexLock lock(mutex_);
  for (const auto& layout : narrowed_) {
    if (layout->fits(entries)) return layout;
  }
  keep(narrowed_, std::make_shared<const ExpositionLayout>(catalogue_, entries));
  return narrowed_.back();
}

const std::string& Page::body(PageFormat format) const {
  Body& body = bodies_[static_cast<std::size_t>(format)];
  std::call_once(body.made, [&] { layout_->render(format, entries_, body.bytes); });
  return body.bytes;
}

const std::string& Page::gzipped(PageFormat format) const {
  Body& zipped = gzipped_[static_cast<std::size_t>(format)];
  std::call_once(zipped.made, [&] { zipped.bytes = gzip(body(format)); });
  return zipped.bytes;
}

std::shared_ptr<const Page> Page::only(const std::vector<std::string>& collectors) const {
  const MutexLock lock(mutex_);
  for (const Narrowed& one : narrowed_) {
    if (one.collectors == collectors) return one.page;
  }
  keep(narrowed_, Narrowed{collectors, make_narrowed(collectors)});
  return narrowed_.back().page;
}

std::shared_ptr<const Page> Page::make_narrowed(const std::vector<std::string>& collectors) const {
  std::vector<FrameEntry> entries;
  std::vector<PagePart> parts;
  auto begin = entries_.begin();
  for (const PagePart& part : parts_) {
    const auto end = begin + static_cast<std::ptrdiff_t>(part.size);
    const bool wanted = part.collector.empty() ||
                        std::find(collectors.begin(), collectors.end(), part.collector) != collectors.end();
    if (wanted) {
      entries.insert(entries.end(), begin, end);
      parts.push_back(part);
    }
    begin = end;
  }
  return std::make_shared<const Page>(layout_->narrowed(entries), std::move(entries), std::move(parts));
}

}  // namespace chiron
