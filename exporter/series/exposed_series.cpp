#include "exporter/series/exposed_series.h"

namespace chiron {
namespace {

/// Up to the closing quote, which is left; undoes escape_label_value().
std::string take_quoted(std::string_view& text) {
  std::string value;
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) {
      value += text[1] == 'n' ? '\n' : text[1];
      text.remove_prefix(2);
    } else {
      value += text.front();
      text.remove_prefix(1);
    }
  }
  return value;
}

}  // namespace

ExposedName parse_prefix(std::string_view prefix) {
  const std::size_t end = std::min(prefix.find_first_of("{ "), prefix.size());
  ExposedName exposed{prefix.substr(0, end), {}};
  std::string_view rest = prefix.substr(end);
  for (std::size_t equals; (equals = rest.find("=\"")) != std::string_view::npos;) {
    // Before the name is the brace or comma; after the value its quote.
    const std::string_view name = rest.substr(1, equals - 1);
    rest.remove_prefix(equals + 2);
    exposed.labels.push_back({std::string(name), take_quoted(rest)});
    if (!rest.empty()) rest.remove_prefix(1);
  }
  return exposed;
}

std::string make_prefix(std::string_view name, std::span<const Label> labels) {
  std::string prefix(name);
  char separator = '{';
  for (const Label& label : labels) {
    prefix += separator;
    prefix += label.name;
    prefix += "=\"";
    prefix += escape_label_value(label.value);
    prefix += '"';
    separator = ',';
  }
  if (separator == ',') prefix += '}';
  prefix += ' ';
  return prefix;
}

std::string_view part_label(MetricType type) {
  switch (type) {
    case MetricType::histogram:
      return "le";
    case MetricType::summary:
      return "quantile";
    default:
      return {};
  }
}

}  // namespace chiron
