#include "agent/promapi/selection.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>

namespace chiron::agent::promapi {
std::vector<SeriesId> Selection::series() const {
  std::vector<SeriesId> ids;
  if (selectors.empty()) reader.select({}, ids);
  for (const std::vector<Matcher>& matchers : selectors) reader.select(matchers, ids);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<Sample> samples;
  std::erase_if(ids, [&](SeriesId id) {
    if (reader.latest(id, start - 1, end)) return false;
    // One that ended in between is there all the same.
    samples.clear();
    reader.range(id, start - 1, end, SeriesReader::Markers::left_out, samples);
    return samples.empty();
  });
  return ids;
}

std::string unescape_name(std::string_view text) {
  constexpr std::string_view kPrefix = "U__";
  constexpr std::size_t kMostDigits = 6;
  if (!text.starts_with(kPrefix)) return std::string(text);
  std::string name;
  for (std::string_view rest = text.substr(kPrefix.size()); !rest.empty();) {
    const bool escape = rest.front() == '_';
    if (!escape) name += rest.front();
    rest.remove_prefix(1);
    if (!escape) continue;
    const std::size_t end = rest.find('_');
    if (end == std::string_view::npos || end > kMostDigits) return std::string(text);
    if (end == 0) {
      name += '_';
    } else {
      const auto code = parse_int<std::uint32_t>(rest.substr(0, end), 16);
      if (!code || !append_utf8(name, *code)) return std::string(text);
    }
    rest.remove_prefix(end + 1);
  }
  return name;
}

}  // namespace chiron::agent::promapi
