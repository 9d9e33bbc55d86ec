#pragma once

#include "exporter/series/labels.h"
#include "exporter/series/reader.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::agent::promapi {

/// Series that one of several selectors names and that have samples in a range of time; without a selector,
/// all of them.
struct Selection {
  const SeriesReader& reader;
  std::vector<std::vector<Matcher>> selectors;
  TimestampMs start, end;  ///< both included

  std::vector<SeriesId> series() const;
};

/// What `text` stands for when it is a name in Prometheus' value encoding (U__ before it, _HEX_ for what is
/// no letter, digit or '_'); `text` itself when it is none.
std::string unescape_name(std::string_view text);

}  // namespace chiron::agent::promapi
