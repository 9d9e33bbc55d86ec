#pragma once

#include "exporter/series/exposed_series.h"
#include "exporter/series/frame.h"

#include <span>
#include <string>
#include <vector>

namespace chiron {

/// A page as Prometheus' protobuf: io.prometheus.client.MetricFamily messages, each behind its length
/// (client_model, metrics.proto). Every value has a fixed width, so that a page is a copy of the layout with
/// the values put in. Immutable.
class ProtobufLayout {
 public:
  /// `series` as for TextLayout. What a family's type has no place for is left out: a plain series of a
  /// histogram, from a file that has just changed the type of its metric.
  ProtobufLayout(const Catalogue& catalogue, std::span<const ExposedSeries> series);

  /// Appends the page of these values.
  void render(std::span<const FrameEntry> entries, std::string& out) const;

  /// A value of the page: where it is, and how it is written there.
  struct Place {
    enum class Kind : std::uint8_t {
      number,
      count
    };  ///< a double; a whole number as a varint of kCountSize bytes
    std::uint32_t entry;
    std::uint32_t at;
    Kind kind;
  };

 private:
  std::vector<Place> places_;
  std::string bytes_;
};

}  // namespace chiron
