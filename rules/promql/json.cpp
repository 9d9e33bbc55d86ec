#include "rules/promql/json.h"

#include "exporter/base/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

void append_point(std::string& out, TimestampMs t, std::string_view value) {
  out += '[';
  append_json_timestamp(out, t);
  out += ',';
  append_json_string(out, value);
  out += ']';
}

/// Needs no escaping, and no string of its own: answers have millions.
void append_point(std::string& out, TimestampMs t, double value) {
  out += '[';
  append_json_timestamp(out, t);
  out += ",\"";
  append_value(out, value);
  out += "\"]";
}

struct Writer {
  std::string& out;

  // Prometheus writes the value of a scalar as its digits alone, those of series with exponents where short.
  void operator()(const Scalar& scalar) const {
    single("scalar", scalar.t, std::string_view(plain_decimal(scalar.v)));
  }
  void operator()(const String& text) const { single("string", text.t, std::string_view(text.v)); }

  void operator()(const Vector& vector) const {
    list("vector", vector, [this](const VectorSample& sample) {
      out += ",\"value\":";
      append_point(out, sample.t, sample.v);
    });
  }

  void operator()(const Matrix& matrix) const {
    list("matrix", matrix, [this](const MatrixSeries& series) {
      out += ",\"values\":[";
      for (std::size_t i = 0; i < series.samples.size(); ++i) {
        if (i > 0) out += ',';
        append_point(out, series.samples[i].t, series.samples[i].v);
      }
      out += ']';
    });
  }

  template <class Single>
  void single(std::string_view type, TimestampMs t, Single value) const {
    fmt::format_to(std::back_inserter(out), R"({{"resultType":"{}","result":)", type);
    append_point(out, t, value);
    out += '}';
  }

  template <class List, class Values>
  void list(std::string_view type, const List& elements, Values values) const {
    fmt::format_to(std::back_inserter(out), R"({{"resultType":"{}","result":[)", type);
    bool first = true;
    for (const auto& element : elements) {
      if (!first) out += ',';
      first = false;
      out += "{\"metric\":";
      append_json_labels(out, element.labels);
      values(element);
      out += '}';
    }
    out += "]}";
  }
};

}  // namespace

void append_json(std::string& out, const Value& value) { std::visit(Writer{out}, value); }

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t size = utf8_sequence(text);
    if (byte == '"' || byte == '\\') {
      out += {'\\', text.front()};
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else if (size == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out += '"';
}

void append_json_timestamp(std::string& out, TimestampMs t) {
  const std::uint64_t size = t < 0 ? ~static_cast<std::uint64_t>(t) + 1 : static_cast<std::uint64_t>(t);
  const auto rest = static_cast<unsigned>(size % 1000);
  std::array<char, 24> buffer;
  if (t < 0) out += '-';
  out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), size / 1000).ptr);
  if (rest == 0) return;
  out += {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
          static_cast<char>('0' + rest % 10)};
}

void append_json_labels(std::string& out, const Labels& labels) {
  out += '{';
  bool first = true;
  for (const Label& label : labels) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, label.name);
    out += ':';
    append_json_string(out, label.value);
  }
  out += '}';
}

}  // namespace chiron::promql
