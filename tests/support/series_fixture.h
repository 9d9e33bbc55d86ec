#pragma once

#include "exporter/series/store.h"
#include "rules/promql/test_series.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::testing {

/// A real catalogue and store, filled with series in Prometheus' test notation.
class SeriesFixture {
 public:
  explicit SeriesFixture(Duration retention = std::chrono::hours(24))
      : store_(catalogue_, {retention, 64u << 20}) {}

  Catalogue& catalogue() { return catalogue_; }
  Store& store() { return store_; }

  /// Appends one frame for each slot, `gap` apart, to a new stream; the first at `start`. A gap in the values
  /// ends the series, as a store has it.
  void load(TimestampMs start, TimestampMs gap, const std::vector<std::string>& lines) {
    std::vector<std::pair<SeriesId, std::vector<std::optional<double>>>> columns;
    std::size_t slots = 0;
    for (const std::string& line : lines) {
      Result<promql::SeriesLine> parsed = promql::parse_series_line(line);
      if (!parsed) throw std::invalid_argument(line + ": " + parsed.error().to_string());
      slots = std::max(slots, parsed->values.size());
      columns.emplace_back(catalogue_.unpublished(parsed->labels), std::move(parsed->values));
    }
    const StreamId stream = store_.add_stream();
    for (std::size_t slot = 0; slot < slots; ++slot) {
      std::vector<FrameEntry> frame;
      for (const auto& [id, values] : columns) {
        if (slot < values.size() && values[slot]) frame.push_back({id, *values[slot]});
      }
      store_.append(stream, start + static_cast<TimestampMs>(slot) * gap, frame);
    }
  }

 private:
  Catalogue catalogue_;
  Store store_;
};

}  // namespace chiron::testing
