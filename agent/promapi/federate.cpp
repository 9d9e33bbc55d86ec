#include "agent/compress.h"
#include "agent/promapi/api.h"
#include "agent/promapi/selection.h"
#include "exporter/base/parse.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

/// Names outside of [a-zA-Z0-9_:] do not exist in text format 0.0.4; Prometheus writes them so for a scraper
/// that does not ask for another escaping.
std::string with_underscores(std::string_view name, bool is_metric) {
  const bool valid = is_metric ? is_valid_metric_name(name) : is_valid_label_name(name);
  if (valid) return std::string(name);
  std::string out;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                      (c == ':' && is_metric) || (digit && !out.empty());
    // One for each character, not for each byte of it.
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) out += fits ? c : '_';
  }
  return out;
}

void append_label(std::string& page, const char*& separator, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(page), "{}{}=\"{}\"", separator, with_underscores(name, false),
                 escape_label_value(value));
  separator = ",";
}

/// Labels of the server, where the series has none of the name; and an empty instance for a series without
/// one, so that honor_labels does not give it the server's own (web/federate.go).
void append_labels(std::string& page, const Labels& labels, const Labels& external) {
  const char* separator = "{";
  for (const Label& label : labels) {
    if (label.name != kMetricName) append_label(page, separator, label.name, label.value);
  }
  for (const Label& label : external) {
    if (!labels.has(label.name)) append_label(page, separator, label.name, label.value);
  }
  if (!labels.has("instance") && !external.has("instance")) append_label(page, separator, "instance", "");
  if (*separator == ',') page += '}';
}

}  // namespace

http::Response Api::federate(const http::Request& request) const {
  const Params params(request.all_params());
  auto selectors = params.selectors();
  if (!selectors.ok()) return {.status = 400, .body = selectors.error().message() + '\n'};
  http::Response response{.content_type = "text/plain; version=0.0.4; charset=utf-8"};
  // One without a matcher selects nothing in Prometheus' storage.
  std::erase_if(*selectors, [](const std::vector<Matcher>& matchers) { return matchers.empty(); });
  if (selectors->empty()) return response;

  const TimestampMs end = now();
  const TimestampMs start =
      end - std::chrono::duration_cast<std::chrono::milliseconds>(limits_.query.lookback).count();
  std::vector<std::pair<const Labels*, Sample>> samples;
  for (const SeriesId id : Selection{sources_.store, *std::move(selectors), start + 1, end}.series()) {
    // What has ended is left out: the format has no marker for it.
    if (const auto sample = sources_.store.latest(id, start, end)) {
      samples.emplace_back(&sources_.store.labels(id), *sample);
    }
  }
  std::sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) {
    const auto names = a.first->get(kMetricName) <=> b.first->get(kMetricName);
    return names != 0 ? names < 0 : *a.first < *b.first;
  });
  std::string& page = response.body;
  std::string_view family;
  for (const auto& [labels, sample] : samples) {
    const std::string_view raw = labels->get(kMetricName);
    const std::string name = with_underscores(raw, true);
    if (raw != family) fmt::format_to(std::back_inserter(page), "# TYPE {} untyped\n", name);
    family = raw;
    page += name;
    append_labels(page, *labels, sources_.external_labels);
    page += ' ';
    promql::append_value(page, sample.v);
    fmt::format_to(std::back_inserter(page), " {}\n", sample.t);
  }
  return compressed(std::move(response), request);
}

}  // namespace chiron::agent::promapi
