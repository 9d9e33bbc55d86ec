#include "agent/promapi/api.h"
#include "exporter/base/parse.h"
#include "rules/promql/json.h"

#include <iterator>
#include <map>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

using promql::append_json_string;

std::string_view type_name(MetricType type) {
  return type == MetricType::untyped ? "unknown" : to_string(type);
}

void append_type_and_help(std::string& data, const Family& family) {
  data += "\"type\":";
  append_json_string(data, type_name(family.type));
  data += ",\"help\":";
  append_json_string(data, family.help);
  data += ",\"unit\":\"\"";
}

/// The families that living series belong to, by name.
std::map<std::string_view, const Family*> families(const Catalogue& catalogue) {
  std::vector<SeriesId> ids;
  catalogue.select({}, ids);
  std::map<std::string_view, const Family*> found;
  FamilyId last = kUnpublished;
  for (const SeriesId id : ids) {
    const FamilyId family = catalogue.family_of(id);
    if (family == last || family == kUnpublished) continue;
    last = family;
    const Family& known = catalogue.family(family);
    found.emplace(known.name, &known);
  }
  return found;
}

bool is_over(std::optional<long> limit, std::size_t count) {
  return limit && *limit >= 0 && count >= static_cast<std::size_t>(*limit);
}

}  // namespace

Status Api::metadata(const Params& params, std::string& data, Notes&) const {
  const auto limit = params.count("limit"), per_metric = params.count("limit_per_metric");
  if (!limit.ok()) return limit.error();
  if (!per_metric.ok()) return per_metric.error();
  const std::string_view metric = params.get("metric");
  data += '{';
  std::size_t count = 0;
  for (const auto& [name, family] : families(sources_.catalogue)) {
    if (!metric.empty() && name != metric) continue;
    if (is_over(*limit, count)) break;
    if (count++ > 0) data += ',';
    append_json_string(data, name);
    data += ":[{";
    append_type_and_help(data, *family);
    data += "}]";
  }
  data += '}';
  return {};
}

Status Api::targets_metadata(const Params& params, std::string& data, Notes&) const {
  const auto limit = params.count("limit");
  if (!limit.ok()) return limit.error();
  std::vector<Matcher> matchers;
  if (params.has("match_target")) {
    auto read = read_selector(params.get("match_target"));
    if (!read.ok()) return invalid_parameter("match_target", read.error().message());
    matchers = *std::move(read);
  }
  const TargetFacts target = sources_.target();
  const bool wanted = std::all_of(matchers.begin(), matchers.end(),
                                  [&](const Matcher& matcher) { return matcher.matches(target.labels); });
  const std::string_view metric = params.get("metric");
  data += '[';
  std::size_t count = 0;
  for (const auto& [name, family] : families(sources_.catalogue)) {
    if (!wanted || (!metric.empty() && name != metric)) continue;
    if (is_over(*limit, count)) break;
    data += count++ > 0 ? ",{\"target\":" : "{\"target\":";
    promql::append_json_labels(data, target.labels);
    if (metric.empty()) {
      data += ",\"metric\":";
      append_json_string(data, name);
    }
    data += ',';
    append_type_and_help(data, *family);
    data += '}';
  }
  data += ']';
  return {};
}

Status Api::targets(const Params& params, std::string& data, Notes&) const {
  const TargetFacts target = sources_.target();
  const std::string state = to_lower(params.get("state"));
  const bool any = state.empty() || state == "any";
  const std::string_view pool = params.get("scrapePool");
  const std::string job(target.labels.get("job"));
  const std::string url = "http://" + target.address + "/metrics";
  const auto span = format_duration(target.interval);
  data += R"({"activeTargets":[)";
  if ((any || state == "active") && (pool.empty() || pool == job)) {
    const std::vector<std::pair<std::string, std::string>> discovered{
        {"__address__", target.address}, {"__metrics_path__", "/metrics"}, {"__scheme__", "http"},
        {"__scrape_interval__", span},   {"__scrape_timeout__", span},     {"job", job}};
    data += R"({"discoveredLabels":)";
    append_json_pairs(data, discovered);
    data += ",\"labels\":";
    promql::append_json_labels(data, target.labels);
    data += ",\"scrapePool\":";
    append_json_string(data, job);
    for (const char* name : {"scrapeUrl", "globalUrl"}) {
      fmt::format_to(std::back_inserter(data), ",\"{}\":", name);
      append_json_string(data, url);
    }
    fmt::format_to(std::back_inserter(data), R"(,"lastError":"{}","lastScrape":)",
                   target.healthy ? "" : "the sampling loop makes no progress");
    append_json_time(data, target.last_scrape);
    data += ",\"lastScrapeDuration\":";
    append_json_seconds(data, target.last_duration);
    fmt::format_to(std::back_inserter(data), R"(,"health":"{}","scrapeInterval":"{}","scrapeTimeout":"{}"}})",
                   target.healthy                     ? "up"
                   : target.last_scrape == WallTime{} ? "unknown"
                                                      : "down",
                   span, span);
  }
  data += R"(],"droppedTargets":[],"droppedTargetCounts":)";
  if (any || state == "dropped") {
    data += '{';
    append_json_string(data, job);
    data += ":0}}";
  } else {
    data += "null}";
  }
  return {};
}

Status Api::scrape_pools(const Params&, std::string& data, Notes&) const {
  data += R"({"scrapePools":)";
  append_json_list(data, {std::string(sources_.target().labels.get("job"))});
  data += '}';
  return {};
}

Status Api::alertmanagers(const Params&, std::string& data, Notes&) const {
  data += R"({"activeAlertmanagers":[)";
  for (const std::string& url : sources_.server().alertmanagers) {
    data += data.back() == '[' ? "{\"url\":" : ",{\"url\":";
    append_json_string(data, url + "/api/v2/alerts");
    data += '}';
  }
  data += R"(],"droppedAlertmanagers":[]})";
  return {};
}

}  // namespace chiron::agent::promapi
