#include "agent/query_text.h"

#include "agent/cli_print.h"
#include "agent/json_fields.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <set>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

/// [time, "value"]
std::string value_text(const Json& point) {
  return point.is_array() && point.size() == 2 && point[1].is_string() ? point[1].get<std::string>() : "?";
}

TimestampMs time_of(const Json& point) {
  const bool timed = point.is_array() && !point.empty() && point[0].is_number();
  return timed ? std::llround(point[0].get<double>() * 1000) : 0;
}

Labels labels_of(const Json& series) {
  Labels labels;
  for (const auto& [name, value] : field(series, "metric").items()) {
    if (value.is_string()) labels.set(name, value.get<std::string>());
  }
  return labels;
}

/// A value, or the samples of a range vector with their times.
std::string samples_text(const Json& series) {
  if (series.contains("value")) return value_text(series["value"]);
  std::string text;
  for (const Json& point : field(series, "values")) {
    text += fmt::format("{}{} @{:.3f}", text.empty() ? "" : "  ", value_text(point),
                        static_cast<double>(time_of(point)) / 1000);
  }
  return text;
}

/// Labels that all series have with the same value, and the names of the rest.
void split_labels(const std::vector<Labels>& sets, Labels& common, std::vector<std::string>& differing) {
  std::set<std::string> names;
  for (const Labels& set : sets) {
    for (const Label& label : set) names.insert(label.name);
  }
  for (const std::string& name : names) {
    const std::string_view first = sets.front().get(name);
    const bool same =
        std::all_of(sets.begin(), sets.end(), [&](const Labels& set) { return set.get(name) == first; });
    if (same) {
      common.set(name, first);
    } else {
      differing.push_back(name);
    }
  }
}

}  // namespace

std::string query_table(const Json& answer) {
  const Json& data = field(answer, "data");
  const std::string type = text_of(data, "resultType");
  const Json& result = field(data, "result");
  if (type == "scalar" || type == "string") return value_text(result) + '\n';
  std::vector<Labels> sets;
  for (const Json& series : result) sets.push_back(labels_of(series));
  if (sets.empty()) return "no series\n";
  if (sets.size() == 1) {
    Table table({"SERIES", "VALUE"});
    table.add({sets.front().to_string(), samples_text(result[0])});
    return table.to_string();
  }
  Labels common;
  std::vector<std::string> differing;
  split_labels(sets, common, differing);
  std::vector<std::string> heading;
  for (const std::string& name : differing) heading.push_back(name == kMetricName ? "NAME" : name);
  heading.emplace_back("VALUE");
  Table table(std::move(heading));
  for (std::size_t i = 0; i < sets.size(); ++i) {
    std::vector<std::string> row;
    for (const std::string& name : differing) row.emplace_back(sets[i].get(name));
    row.push_back(samples_text(result[i]));
    table.add(std::move(row));
  }
  return (common.empty() ? "" : common.to_string() + '\n') + table.to_string();
}

std::string query_plot(const Json& answer, const PlotOptions& options) {
  std::vector<PlotLine> lines;
  for (const Json& series : field(field(answer, "data"), "result")) {
    PlotLine line{.name = printable(labels_of(series).to_string())};
    for (const Json& point : field(series, "values")) {
      // What is no number ends the line there: NaN, +Inf.
      line.points.emplace_back(time_of(point), parse_double(value_text(point)).value_or(std::nan("")));
    }
    lines.push_back(std::move(line));
  }
  return lines.empty() ? "no series\n" : plot(lines, options);
}

}  // namespace chiron::agent
