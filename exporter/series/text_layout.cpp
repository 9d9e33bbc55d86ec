#include "exporter/series/text_layout.h"

#include "exporter/base/parse.h"

#include <unordered_set>

namespace chiron {
namespace {

// Longest text of a double by to_chars: -1.7976931348623157e+308.
constexpr std::size_t kValueSize = 32;
constexpr std::string_view kTotal = "_total";

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

/// OpenMetrics escapes double quotes in HELP too (ABNF: escaped-string).
std::string escape_help(std::string_view help) { return escape_label_value(help); }

/// Metadata of OpenMetrics. Its counters are named without the _total that their samples have. One whose
/// samples have none is not a counter to it, and is `unknown`; so is one whose shorter name is another
/// family's. Gauges named _info stay gauges: an info must be 1, which a file of somebody else does not
/// promise.
std::string openmetrics_header(const Family& family, const std::unordered_set<std::string_view>& names) {
  std::string_view name = family.name;
  std::string_view type = to_string(family.type);
  if (family.type == MetricType::untyped) type = "unknown";
  if (family.type == MetricType::counter) {
    const std::string_view stem = name.substr(0, name.size() - std::min(kTotal.size(), name.size()));
    const bool fits = name.ends_with(kTotal) && !stem.empty() && !names.contains(stem);
    if (fits) {
      name = stem;
    } else {
      type = "unknown";
    }
  }
  std::string header;
  for (const auto& [keyword, text] :
       {std::pair<std::string_view, std::string>{"HELP", escape_help(family.help)},
        std::pair<std::string_view, std::string>{"TYPE", type}}) {
    header.append("# ").append(keyword).append(" ").append(name).append(" ").append(text).append("\n");
  }
  return header;
}

std::string openmetrics_prefix(const Catalogue& catalogue, const ExposedSeries& one) {
  const std::string_view part = part_label(catalogue.family(one.family).type);
  const std::string_view prefix = catalogue.prefix(one.id);
  if (part.empty()) return std::string(prefix);
  ExposedName exposed = parse_prefix(prefix);
  for (Label& label : exposed.labels) {
    if (label.name != part) continue;
    if (const auto bound = parse_double(label.value)) label.value = canonical_float(*bound);
  }
  return make_prefix(exposed.name, exposed.labels);
}

}  // namespace

void append_value(std::string& out, double value) {
  std::array<char, kValueSize> buffer;
  out.append(buffer.data(), write_value(buffer.data(), value));
}

std::string canonical_float(double value) {
  std::string text;
  if (!std::isfinite(value)) {
    append_value(text, value);
    return text;
  }
  std::array<char, kValueSize> buffer;
  const auto shortest = [&](std::chars_format format) {
    return std::string_view(buffer.data(),
                            std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr);
  };
  const std::string_view scientific = shortest(std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  // Where Go's strconv changes to an exponent for the shortest 'g'.
  const auto exponent = parse_int<int>(scientific.substr(e + (scientific[e + 1] == '+' ? 2 : 1)));
  if (*exponent < -4 || *exponent >= 6) return std::string(scientific);
  text = shortest(std::chars_format::fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

TextLayout::TextLayout(const Catalogue& catalogue, std::span<const ExposedSeries> series, Dialect dialect)
    : end_(dialect == Dialect::openmetrics ? "# EOF\n" : "") {
  std::unordered_set<std::string_view> names;
  if (dialect == Dialect::openmetrics) {
    for (const ExposedSeries& one : series) names.insert(catalogue.family(one.family).name);
  }
  places_.reserve(series.size());
  for (std::size_t i = 0; i < series.size(); ++i) {
    const ExposedSeries& one = series[i];
    const Family& family = catalogue.family(one.family);
    if (i == 0 || one.family != series[i - 1].family) {
      text_ += dialect == Dialect::openmetrics ? openmetrics_header(family, names) : family.header;
    }
    text_ += dialect == Dialect::openmetrics ? openmetrics_prefix(catalogue, one)
                                             : std::string(catalogue.prefix(one.id));
    places_.push_back({one.entry, static_cast<std::uint32_t>(text_.size())});
  }
  text_.shrink_to_fit();
}

void TextLayout::render(std::span<const FrameEntry> entries, std::string& out) const {
  const std::size_t start = out.size();
  out.resize(start + text_.size() + places_.size() * (kValueSize + 1) + end_.size());
  char* at = out.data() + start;
  std::uint32_t begin = 0;
  for (const Place& place : places_) {
    at = std::copy_n(text_.data() + begin, place.text_end - begin, at);
    begin = place.text_end;
    at = write_value(at, entries[place.entry].value);
    *at++ = '\n';
  }
  at = std::copy(end_.begin(), end_.end(), at);
  out.resize(static_cast<std::size_t>(at - out.data()));
}

}  // namespace chiron
