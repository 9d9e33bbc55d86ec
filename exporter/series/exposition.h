#pragma once

#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace chiron {

/// Where every value of a page goes: the series in the order of the page, families in alphabetical order, and
/// the text between the values. Depends only on which series there are, so it is made again only when those
/// change. Immutable.
class ExpositionLayout {
 public:
  /// Unpublished series and repetitions of a series are left out; the first occurrence stays.
  ExpositionLayout(const Catalogue& catalogue, std::span<const FrameEntry> entries);

  /// Whether the layout was made for exactly these series in this order.
  bool fits(std::span<const FrameEntry> entries) const;
  /// Series on the page.
  std::size_t size() const { return places_.size(); }

  /// Text format 0.0.4 (prometheus.io, "Exposition formats"); `entries` as in fits().
  void render(std::span<const FrameEntry> entries, std::string& out) const;

 private:
  struct Place {
    std::uint32_t entry;       // index into entries
    std::uint32_t text_begin;  // of header and prefix in text_
    std::uint32_t text_size;
  };
  std::vector<SeriesId> ids_;
  std::vector<Place> places_;
  std::string text_;
};

/// One page of values: what /metrics answers, until the next pass. Immutable but for the text, which is
/// rendered when it is first asked for, once, however many ask. Thread-safe.
class Page {
 public:
  Page(std::shared_ptr<const ExpositionLayout> layout, std::vector<FrameEntry> entries)
      : layout_(std::move(layout)), entries_(std::move(entries)) {}

  const std::string& text() const;
  std::size_t series() const { return layout_->size(); }
  const std::shared_ptr<const ExpositionLayout>& layout() const { return layout_; }

 private:
  const std::shared_ptr<const ExpositionLayout> layout_;
  const std::vector<FrameEntry> entries_;
  mutable std::once_flag rendered_;
  mutable std::string text_;
};

/// Appends a sample value as the text formats want it: the shortest decimal that reads back as the same
/// double, NaN, +Inf, -Inf.
void append_value(std::string& out, double value);

}  // namespace chiron
