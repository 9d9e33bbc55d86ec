#pragma once

#include "exporter/series/exposed_series.h"
#include "exporter/series/frame.h"

#include <span>
#include <string>
#include <vector>

namespace chiron {

/// A page as text: all that stands between the values, made once, and where the values go. Immutable.
class TextLayout {
 public:
  enum class Dialect {
    prometheus,   ///< text format 0.0.4; 1.0.0 differs from it in names that we do not have
    openmetrics,  ///< OpenMetrics 1.0.0
  };

  /// `series` with those of a family one after the other, and of those the parts of one histogram or summary.
  TextLayout(const Catalogue& catalogue, std::span<const ExposedSeries> series, Dialect dialect);

  /// Appends the page of these values.
  void render(std::span<const FrameEntry> entries, std::string& out) const;

 private:
  struct Place {
    std::uint32_t entry;     // whose value it is
    std::uint32_t text_end;  // of the text before it; that begins where the one before ended
  };
  std::vector<Place> places_;
  std::string text_;
  std::string_view end_;
};

/// Appends a sample value as the text formats want it: the shortest decimal that reads back as the same
/// double, NaN, +Inf, -Inf.
void append_value(std::string& out, double value);

/// A float as OpenMetrics wants it in le and quantile ("Numbers: Canonical"): as Go's %g prints it, with ".0"
/// where it looks like an integer.
std::string canonical_float(double value);

}  // namespace chiron
