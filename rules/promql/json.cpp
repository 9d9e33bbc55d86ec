#include "rules/promql/json.h"

#include "rules/promql/lexer_text.h"

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

struct Writer {
  std::string& out;

  void operator()(const Scalar& scalar) const { single("scalar", scalar.t, format_value(scalar.v)); }
  void operator()(const String& text) const { single("string", text.t, text.v); }

  void operator()(const Vector& vector) const {
    list("vector", vector, [this](const VectorSample& sample) {
      out += ",\"value\":";
      append_point(out, sample.t, format_value(sample.v));
    });
  }

  void operator()(const Matrix& matrix) const {
    list("matrix", matrix, [this](const MatrixSeries& series) {
      out += ",\"values\":[";
      for (std::size_t i = 0; i < series.samples.size(); ++i) {
        if (i > 0) out += ',';
        append_point(out, series.samples[i].t, format_value(series.samples[i].v));
      }
      out += ']';
    });
  }

  void single(std::string_view type, TimestampMs t, std::string_view value) const {
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

std::string to_json(const Value& value) {
  std::string out;
  std::visit(Writer{out}, value);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = char_size(text, i);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else if (byte >= 0x80 && size == 1) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(i, size);
    }
    i += size;
  }
  out += '"';
}

void append_json_timestamp(std::string& out, TimestampMs t) {
  const auto size = static_cast<std::uint64_t>(t < 0 ? -t : t);
  fmt::format_to(std::back_inserter(out), "{}{}", t < 0 ? "-" : "", size / 1000);
  if (size % 1000 != 0) fmt::format_to(std::back_inserter(out), ".{:03}", size % 1000);
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
