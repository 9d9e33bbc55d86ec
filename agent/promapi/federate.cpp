#include "agent/compress.h"
#include "agent/promapi/api.h"
#include "agent/promapi/selection.h"
#include "agent/text_formats.h"
#include "exporter/base/parse.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

constexpr std::array<http::Offer, 2> kOffers{kText004, kText100};

/// How names outside of [a-zA-Z0-9_:] are written. They do not exist in text format 0.0.4; Prometheus puts
/// underscores for a scraper that does not ask for anything else.
enum class Escaping { underscores, allow_utf8 };

struct Negotiated {
  std::string content_type;
  Escaping escaping;
};
Negotiated negotiate(const http::Request& request) {
  const std::vector<http::MediaRange> ranges = http::parse_accept(request.header_list("accept"));
  const auto choice = http::choose(ranges, kOffers);
  if (!choice || choice->offer == 0) return {std::string(kText004Type), Escaping::underscores};
  const bool all = choice->range->parameter("escaping") == "allow-utf-8";
  return {fmt::format("{}; escaping={}", kText100Type, all ? "allow-utf-8" : "underscores"),
          all ? Escaping::allow_utf8 : Escaping::underscores};
}

std::string with_underscores(std::string_view name, bool is_metric) {
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

struct Writer {
  std::string& page;
  const Escaping escaping;

  static bool is_plain(std::string_view name, bool is_metric) {
    return is_metric ? is_valid_metric_name(name) : is_valid_label_name(name);
  }
  void name(std::string_view name, bool is_metric) {
    if (is_plain(name, is_metric)) {
      page += name;
    } else if (escaping == Escaping::underscores) {
      page += with_underscores(name, is_metric);
    } else {
      fmt::format_to(std::back_inserter(page), "\"{}\"", escape_label_value(name));
    }
  }

  void label(char& separator, std::string_view label_name, std::string_view value) {
    page += std::exchange(separator, ',');
    name(label_name, false);
    fmt::format_to(std::back_inserter(page), "=\"{}\"", escape_label_value(value));
  }

  /// The name, within the braces where it has to be quoted; the labels; those of the server, where the series
  /// has none of the name; and an empty instance for a series without one, so that honor_labels does not give
  /// it the server's own (web/federate.go).
  void series(const Labels& labels, const Labels& external) {
    const std::string_view metric = labels.get(kMetricName);
    char separator = '{';
    if (escaping == Escaping::allow_utf8 && !is_plain(metric, true)) page += std::exchange(separator, ',');
    name(metric, true);
    for (const Label& one : labels) {
      if (one.name != kMetricName) label(separator, one.name, one.value);
    }
    for (const Label& one : external) {
      if (!labels.has(one.name)) label(separator, one.name, one.value);
    }
    if (!labels.has("instance") && !external.has("instance")) label(separator, "instance", "");
    if (separator == ',') page += '}';
  }
};

}  // namespace

http::Response Api::federate(const http::Request& request) const {
  const Params params(request.all_params());
  auto selectors = params.selectors();
  if (!selectors.ok()) return {.status = 400, .body = selectors.error().message() + '\n'};
  Negotiated negotiated = negotiate(request);
  http::Response response{.content_type = std::move(negotiated.content_type)};
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
  Writer writer{page, negotiated.escaping};
  std::string_view family;
  for (const auto& [labels, sample] : samples) {
    const std::string_view name = labels->get(kMetricName);
    if (name != family) {
      page += "# TYPE ";
      writer.name(name, true);
      page += " untyped\n";
    }
    family = name;
    writer.series(*labels, sources_.external_labels);
    page += ' ';
    promql::append_value(page, sample.v);
    fmt::format_to(std::back_inserter(page), " {}\n", sample.t);
  }
  return compressed(std::move(response), request);
}

}  // namespace chiron::agent::promapi
