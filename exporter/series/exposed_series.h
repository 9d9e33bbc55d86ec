#pragma once

#include "exporter/series/catalogue.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A series of a page: which of the page's entries is its value, and where it belongs.
struct ExposedSeries {
  std::uint32_t entry;
  SeriesId id;
  FamilyId family;
};

/// The name and the labels of a series as scrapers see them.
struct ExposedName {
  std::string_view name;  ///< points into the prefix
  std::vector<Label> labels;
};

/// Takes a prefix of the catalogue, `name{labels} `, apart: its labels are those without the target's, which
/// no one else keeps.
ExposedName parse_prefix(std::string_view prefix);
/// The other way round.
std::string make_prefix(std::string_view name, std::span<const Label> labels);

/// The label that tells the parts of one histogram or summary apart: "le", "quantile"; "" for other types.
std::string_view part_label(MetricType type);

}  // namespace chiron
