#include "agent/promapi/api.h"
#include "rules/promql/json.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

using promql::append_json_string;

/// The Prometheus whose API and language this is: clients choose by it what they ask for.
constexpr std::string_view kPrometheus = "3.14.0";
constexpr std::size_t kRows = 10;
constexpr long kMostRows = 10'000;

struct Count {
  std::size_t operator()(std::size_t count) const { return count; }
};
struct Size {
  std::size_t operator()(const std::unordered_set<std::string_view>& values) const { return values.size(); }
};

/// [{"name":...,"value":...}]: the greatest, `limit` of them.
template <class Map, class Weigh>
void append_greatest(std::string& data, std::string_view name, const Map& map, std::size_t limit,
                     Weigh weigh) {
  std::vector<std::pair<std::size_t, std::string_view>> rows;
  for (const auto& [key, value] : map) rows.emplace_back(weigh(value), key);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  rows.resize(std::min(rows.size(), limit));
  fmt::format_to(std::back_inserter(data), ",\"{}\":[", name);
  for (const auto& [value, key] : rows) {
    data += data.back() == '[' ? "{\"name\":" : ",{\"name\":";
    append_json_string(data, key);
    fmt::format_to(std::back_inserter(data), ",\"value\":{}}}", value);
  }
  data += ']';
}

}  // namespace

Status Api::config(const Params&, std::string& data, Notes&) const {
  data += R"({"yaml":)";
  append_json_string(data, sources_.server().config_yaml);
  data += '}';
  return {};
}

Status Api::flags(const Params&, std::string& data, Notes&) const {
  append_json_pairs(data, sources_.server().flags);
  return {};
}

Status Api::runtimeinfo(const Params&, std::string& data, Notes&) const {
  const ServerFacts facts = sources_.server();
  std::error_code ignored;
  data += R"({"startTime":)";
  append_json_time(data, facts.started);
  data += ",\"CWD\":";
  append_json_string(data, std::filesystem::current_path(ignored).native());
  data += ",\"hostname\":";
  append_json_string(data, facts.hostname);
  data += ",\"serverTime\":";
  append_json_time(data, sources_.clock.wall());
  fmt::format_to(std::back_inserter(data), R"(,"reloadConfigSuccess":{},"lastConfigTime":)",
                 facts.reload_successful);
  append_json_time(data, facts.last_config);
  data += R"(,"corruptionCount":0,"storageRetention":)";
  append_json_string(data, facts.retention);
  data += '}';
  return {};
}

Status Api::buildinfo(const Params&, std::string& data, Notes&) const {
  const std::string version = fmt::format("{}+chiron.{}", kPrometheus, sources_.server().version);
  append_json_pairs(data, {{"version", version},
                           {"revision", ""},
                           {"branch", ""},
                           {"buildUser", ""},
                           {"buildDate", ""},
                           {"goVersion", ""}});
  return {};
}

Status Api::tsdb(const Params& params, std::string& data, Notes&) const {
  const auto limit = params.count("limit");
  if (!limit.ok() || (*limit && **limit < 1))
    return Error(ErrorCode::invalid_argument, "limit must be a positive number");
  if (*limit && **limit > kMostRows)
    return Error(ErrorCode::invalid_argument, fmt::format("limit must not exceed {}", kMostRows));
  const std::size_t rows = *limit ? static_cast<std::size_t>(**limit) : kRows;
  std::unordered_map<std::string_view, std::size_t> by_name, bytes;
  std::unordered_map<std::string_view, std::unordered_set<std::string_view>> values;
  std::unordered_map<std::string, std::size_t> by_pair;
  std::vector<SeriesId> ids;
  sources_.store.select({}, ids);
  for (const SeriesId id : ids) {
    const Labels& labels = sources_.store.labels(id);
    ++by_name[labels.get(kMetricName)];
    for (const Label& label : labels) {
      bytes[label.name] += label.value.size();
      values[label.name].insert(label.value);
      ++by_pair[label.name + '=' + label.value];
    }
  }
  fmt::format_to(std::back_inserter(data),
                 R"({{"headStats":{{"numSeries":{},"numLabelPairs":{},"minTime":{},"maxTime":{}}})",
                 ids.size(), by_pair.size(), sources_.store.oldest(), sources_.store.newest());
  append_greatest(data, "seriesCountByMetricName", by_name, rows, Count());
  append_greatest(data, "labelValueCountByLabelName", values, rows, Size());
  append_greatest(data, "memoryInBytesByLabelName", bytes, rows, Count());
  append_greatest(data, "seriesCountByLabelValuePair", by_pair, rows, Count());
  data += '}';
  return {};
}

Status Api::walreplay(const Params&, std::string& data, Notes&) const {
  data += R"({"min":0,"max":0,"current":0,"state":"done"})";
  return {};
}

}  // namespace chiron::agent::promapi
