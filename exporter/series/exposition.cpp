#include "exporter/series/exposition.h"

#include <unordered_set>

namespace chiron {
namespace {

// Longest text of a double by to_chars: -1.7976931348623157e+308.
constexpr std::size_t kValueSize = 32;

char* write_value(char* at, double value) {
  if (std::isnan(value)) return std::copy_n("NaN", 3, at);
  if (std::isinf(value)) return std::copy_n(value > 0 ? "+Inf" : "-Inf", 4, at);
  // Most values are integers, and integers are several times cheaper to print than doubles.
  if (std::abs(value) < 1e15) {
    const auto integer = static_cast<std::int64_t>(value);
    if (static_cast<double>(integer) == value && (integer != 0 || !std::signbit(value))) {
      return std::to_chars(at, at + kValueSize, integer).ptr;
    }
  }
  return std::to_chars(at, at + kValueSize, value).ptr;
}

}  // namespace

void append_value(std::string& out, double value) {
  std::array<char, kValueSize> buffer;
  out.append(buffer.data(), write_value(buffer.data(), value));
}

ExpositionLayout::ExpositionLayout(const Catalogue& catalogue, std::span<const FrameEntry> entries) {
  struct Item {
    std::uint32_t entry;
    FamilyId family;
  };
  std::vector<Item> items;
  std::unordered_set<std::uint32_t> seen;
  ids_.reserve(entries.size());
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    ids_.push_back(entries[i].id);
    const FamilyId family = catalogue.family_of(entries[i].id);
    if (family != kUnpublished && seen.insert(static_cast<std::uint32_t>(entries[i].id)).second) {
      items.push_back({i, family});
    }
  }
  std::stable_sort(items.begin(), items.end(), [&catalogue](const Item& a, const Item& b) {
    return a.family != b.family && catalogue.family(a.family).name < catalogue.family(b.family).name;
  });
  places_.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto begin = static_cast<std::uint32_t>(text_.size());
    if (i == 0 || items[i].family != items[i - 1].family) text_ += catalogue.family(items[i].family).header;
    text_ += catalogue.prefix(ids_[items[i].entry]);
    places_.push_back({items[i].entry, begin, static_cast<std::uint32_t>(text_.size()) - begin});
  }
}

bool ExpositionLayout::fits(std::span<const FrameEntry> entries) const {
  return entries.size() == ids_.size() &&
         std::equal(entries.begin(), entries.end(), ids_.begin(),
                    [](const FrameEntry& entry, SeriesId id) { return entry.id == id; });
}

void ExpositionLayout::render(std::span<const FrameEntry> entries, std::string& out) const {
  const std::size_t start = out.size();
  out.resize(start + text_.size() + places_.size() * (kValueSize + 1));
  char* at = out.data() + start;
  for (const Place& place : places_) {
    std::memcpy(at, text_.data() + place.text_begin, place.text_size);
    at = write_value(at + place.text_size, entries[place.entry].value);
    *at++ = '\n';
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
}

const std::string& Page::text() const {
  std::call_once(rendered_, [this] { layout_->render(entries_, text_); });
  return text_;
}

}  // namespace chiron
