#include "exporter/series/protobuf_layout.h"

#include "exporter/base/parse.h"

#include <optional>

namespace chiron {
namespace {

using Kind = ProtobufLayout::Place::Kind;

// protobuf.dev, "Encoding".
constexpr unsigned kVarint = 0;
constexpr unsigned kFixed64 = 1;
constexpr unsigned kLengthDelimited = 2;
/// A varint may be longer than it need be: with 8 bytes it has 56 bits, more than a double tells apart.
constexpr std::size_t kCountSize = 8;
constexpr double kMaxCount = 9007199254740992.0;  // 2^53

/// Field numbers of client_model's metrics.proto.
namespace field {
constexpr unsigned kName = 1, kHelp = 2, kType = 3, kMetric = 4;  // MetricFamily
constexpr unsigned kLabel = 1, kGauge = 2, kCounter = 3, kSummary = 4, kUntyped = 5,
                   kHistogram = 7;                               // Metric
constexpr unsigned kLabelName = 1, kLabelValue = 2;              // LabelPair
constexpr unsigned kValue = 1;                                   // Gauge, Counter, Untyped
constexpr unsigned kSampleCount = 1, kSampleSum = 2, kPart = 3;  // Summary, Histogram
constexpr unsigned kPartCount = 1, kUpperBound = 2;              // Bucket
constexpr unsigned kQuantile = 1, kQuantileValue = 2;            // Quantile
}  // namespace field

unsigned type_number(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return 0;
    case MetricType::gauge:
      return 1;
    case MetricType::summary:
      return 2;
    case MetricType::untyped:
      return 3;
    case MetricType::histogram:
      return 4;
  }
  return 3;
}

unsigned value_field(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return field::kCounter;
    case MetricType::gauge:
      return field::kGauge;
    default:
      return field::kUntyped;
  }
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void write_number(char* at, double value) {
  auto bits = std::bit_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof bits; ++i, bits >>= 8) at[i] = static_cast<char>(bits);
}

void write_count(char* at, double value) {
  auto rest = value > 0 ? static_cast<std::uint64_t>(std::min(value, kMaxCount)) : 0;
  for (std::size_t i = 0; i + 1 < kCountSize; ++i, rest >>= 7) at[i] = static_cast<char>(rest | 0x80);
  at[kCountSize - 1] = static_cast<char>(rest);
}

/// A message under construction.
struct Message {
  std::string bytes;
  std::vector<ProtobufLayout::Place> places;

  void key(unsigned number, unsigned wire_type) { append_varint(bytes, number << 3 | wire_type); }
  void add(unsigned number, std::string_view text) {
    key(number, kLengthDelimited);
    append_varint(bytes, text.size());
    bytes += text;
  }
  void add(unsigned number, const Message& message) {
    key(number, kLengthDelimited);
    append_varint(bytes, message.bytes.size());
    append(message);
  }
  void add_constant(unsigned number, double value) {
    key(number, kFixed64);
    bytes.resize(bytes.size() + sizeof value);
    write_number(bytes.data() + bytes.size() - sizeof value, value);
  }
  void add_value(unsigned number, Kind kind, std::uint32_t entry) {
    key(number, kind == Kind::number ? kFixed64 : kVarint);
    places.push_back({entry, static_cast<std::uint32_t>(bytes.size()), kind});
    bytes.resize(bytes.size() + (kind == Kind::number ? sizeof(double) : kCountSize));
  }
  void append(const Message& message) {
    const auto begin = static_cast<std::uint32_t>(bytes.size());
    bytes += message.bytes;
    for (const ProtobufLayout::Place& place : message.places) {
      places.push_back({place.entry, begin + place.at, place.kind});
    }
  }
};

void add_labels(Message& metric, const std::vector<Label>& labels) {
  for (const Label& label : labels) {
    Message pair;
    pair.add(field::kLabelName, label.name);
    pair.add(field::kLabelValue, label.value);
    metric.add(field::kLabel, pair);
  }
}

/// The parts of one histogram or summary, as they come.
class Composite {
 public:
  Composite(const Family& family, std::vector<Label> labels) : family_(family), labels_(std::move(labels)) {}

  const std::vector<Label>& labels() const { return labels_; }

  void take(std::string_view name, std::string_view part, std::uint32_t entry) {
    const std::string_view suffix = name.substr(family_.name.size());
    const auto bound = parse_double(part);
    if (suffix == "_sum") {
      sum_ = entry;
    } else if (suffix == "_count") {
      count_ = entry;
    } else if (family_.type == MetricType::histogram && suffix == "_bucket" && bound) {
      parts_.push_back({*bound, entry});
    } else if (family_.type == MetricType::summary && suffix.empty() && bound) {
      parts_.push_back({*bound, entry});
    }
  }

  Message metric() const {
    const bool is_histogram = family_.type == MetricType::histogram;
    Message body;
    if (count_) body.add_value(field::kSampleCount, Kind::count, *count_);
    if (sum_) body.add_value(field::kSampleSum, Kind::number, *sum_);
    for (const auto& [bound, entry] : parts_) {
      Message part;
      if (is_histogram) {
        part.add_value(field::kPartCount, Kind::count, entry);
        part.add_constant(field::kUpperBound, bound);
      } else {
        part.add_constant(field::kQuantile, bound);
        part.add_value(field::kQuantileValue, Kind::number, entry);
      }
      body.add(field::kPart, part);
    }
    Message metric;
    add_labels(metric, labels_);
    metric.add(is_histogram ? field::kHistogram : field::kSummary, body);
    return metric;
  }

 private:
  struct Part {
    double bound;
    std::uint32_t entry;
  };
  const Family& family_;
  const std::vector<Label> labels_;
  std::optional<std::uint32_t> sum_, count_;
  std::vector<Part> parts_;
};

/// Takes the value of a label out.
std::string extract(std::vector<Label>& labels, std::string_view name) {
  const auto it =
      std::find_if(labels.begin(), labels.end(), [&](const Label& label) { return label.name == name; });
  if (it == labels.end()) return {};
  std::string value = std::move(it->value);
  labels.erase(it);
  return value;
}

void add_composites(Message& message, const Catalogue& catalogue, const Family& family,
                    std::span<const ExposedSeries> series) {
  std::optional<Composite> open;
  for (const ExposedSeries& one : series) {
    ExposedName exposed = parse_prefix(catalogue.prefix(one.id));
    const std::string part = extract(exposed.labels, part_label(family.type));
    if (open && open->labels() != exposed.labels) {
      message.add(field::kMetric, open->metric());
      open.reset();
    }
    if (!open) open.emplace(family, std::move(exposed.labels));
    open->take(exposed.name, part, one.entry);
  }
  if (open) message.add(field::kMetric, open->metric());
}

Message family_message(const Catalogue& catalogue, std::span<const ExposedSeries> series) {
  const Family& family = catalogue.family(series.front().family);
  Message message;
  message.add(field::kName, family.name);
  message.add(field::kHelp, family.help);
  message.key(field::kType, kVarint);
  append_varint(message.bytes, type_number(family.type));
  if (!part_label(family.type).empty()) {
    add_composites(message, catalogue, family, series);
    return message;
  }
  for (const ExposedSeries& one : series) {
    Message value;
    value.add_value(field::kValue, Kind::number, one.entry);
    Message metric;
    add_labels(metric, parse_prefix(catalogue.prefix(one.id)).labels);
    metric.add(value_field(family.type), value);
    message.add(field::kMetric, metric);
  }
  return message;
}

}  // namespace

ProtobufLayout::ProtobufLayout(const Catalogue& catalogue, std::span<const ExposedSeries> series) {
  Message page;
  while (!series.empty()) {
    const auto end = std::find_if(series.begin(), series.end(), [&](const ExposedSeries& one) {
      return one.family != series.front().family;
    });
    const auto size = static_cast<std::size_t>(end - series.begin());
    const Message family = family_message(catalogue, series.first(size));
    append_varint(page.bytes, family.bytes.size());
    page.append(family);
    series = series.subspan(size);
  }
  bytes_ = std::move(page.bytes);
  bytes_.shrink_to_fit();
  places_ = std::move(page.places);
  places_.shrink_to_fit();
}

void ProtobufLayout::render(std::span<const FrameEntry> entries, std::string& out) const {
  const std::size_t start = out.size();
  out += bytes_;
  for (const Place& place : places_) {
    char* at = out.data() + start + place.at;
    const double value = entries[place.entry].value;
    if (place.kind == Kind::number) {
      write_number(at, value);
    } else {
      write_count(at, value);
    }
  }
}

}  // namespace chiron
