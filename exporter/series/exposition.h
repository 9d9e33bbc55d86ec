#pragma once

#include "exporter/base/thread_annotations.h"
#include "exporter/series/frame.h"
#include "exporter/series/protobuf_layout.h"
#include "exporter/series/text_layout.h"

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chiron {

/// What a page can be written as.
enum class PageFormat : std::uint8_t { text, openmetrics, protobuf };
inline constexpr std::size_t kPageFormats = 3;

/// Where every value of a page goes: the series in the order of the page, families in alphabetical order, and
/// for each format what stands between the values, made when that format is first asked for. Depends only on
/// which series there are, so it is made again only when those change. Thread-safe; the catalogue outlives
/// it.
class ExpositionLayout {
 public:
  /// Unpublished series and repetitions of a series are left out; the first occurrence stays.
  ExpositionLayout(const Catalogue& catalogue, std::span<const FrameEntry> entries);

  /// Whether the layout was made for exactly these series in this order.
  bool fits(std::span<const FrameEntry> entries) const;
  /// Series on the page.
  std::size_t size() const { return series_.size(); }

  /// Appends the page; `entries` as in fits().
  void render(PageFormat format, std::span<const FrameEntry> entries, std::string& out) const;

  /// A layout for some of these series. The few that were asked for last are kept.
  std::shared_ptr<const ExpositionLayout> narrowed(std::span<const FrameEntry> entries) const;

 private:
  const Catalogue& catalogue_;
  std::vector<SeriesId> ids_;
  std::vector<ExposedSeries> series_;
  mutable std::array<std::once_flag, kPageFormats> made_;
  mutable std::optional<TextLayout> text_, openmetrics_;
  mutable std::optional<ProtobufLayout> protobuf_;
  mutable Mutex mutex_;
  mutable std::deque<std::shared_ptr<const ExpositionLayout>> narrowed_ CHIRON_GUARDED_BY(mutex_);
};

/// Entries of a page that belong together: a collector's, or, without a name, those of the agent itself.
struct PagePart {
  std::string collector;
  std::size_t size;
};

/// One page of values: what /metrics answers, until the next pass. Immutable but for its bodies, each of
/// which is rendered when it is first asked for, once, however many ask. Thread-safe.
class Page {
 public:
  /// `parts` divide the entries, in their order.
  Page(std::shared_ptr<const ExpositionLayout> layout, std::vector<FrameEntry> entries,
       std::vector<PagePart> parts = {})
      : layout_(std::move(layout)), entries_(std::move(entries)), parts_(std::move(parts)) {}

  const std::string& body(PageFormat format) const;
  /// The same as a gzip file.
  const std::string& gzipped(PageFormat format) const;
  std::size_t series() const { return layout_->size(); }
  const std::shared_ptr<const ExpositionLayout>& layout() const { return layout_; }

  const std::vector<PagePart>& parts() const { return parts_; }
  /// A page of the parts of these collectors alone, and the agent's own. The few that were asked for last are
  /// kept, as this page is.
  std::shared_ptr<const Page> only(const std::vector<std::string>& collectors) const;

 private:
  struct Body {
    std::once_flag made;
    std::string bytes;
  };
  struct Narrowed {
    std::vector<std::string> collectors;
    std::shared_ptr<const Page> page;
  };
  std::shared_ptr<const Page> make_narrowed(const std::vector<std::string>& collectors) const;

  const std::shared_ptr<const ExpositionLayout> layout_;
  const std::vector<FrameEntry> entries_;
  const std::vector<PagePart> parts_;
  mutable std::array<Body, kPageFormats> bodies_, gzipped_;
  mutable Mutex mutex_;
  mutable std::deque<Narrowed> narrowed_ CHIRON_GUARDED_BY(mutex_);
};

}  // namespace chiron
