#include "agent/scrape.h"

#include "agent/compress.h"
#include "agent/text_formats.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/collector.h"

namespace chiron::agent {
namespace {

constexpr Duration kMaxPageAge = std::chrono::seconds(1);
constexpr Duration kPageWait = std::chrono::seconds(2);
constexpr Duration kMaxPageWait = std::chrono::seconds(10);
/// What is left of the scraper's patience for the answer to reach it (blackbox_exporter's --timeout-offset),
/// where it has more than twice as much.
constexpr double kTimeoutOffset = 0.5;

constexpr FormatVersion kVersion001{{{"version", "0.0.1"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kDelimited{
    {{"proto", "io.prometheus.client.MetricFamily"}, {"encoding", "delimited"}}};

struct Representation {
  http::Offer offer;
  PageFormat format;
  std::string_view content_type;
  bool has_escaping;  ///< names outside of [a-zA-Z_:] exist in it, and the answer says how they are written
};

/// The first is the default (prometheus.io, "Exposition formats" and "Content negotiation"). All names here
/// are of the old alphabet, so that every way of escaping gives the same page.
constexpr std::array<Representation, 5> kRepresentations{{
    {kText004, PageFormat::text, kText004Type, false},
    {kText100, PageFormat::text, kText100Type, true},
    {{"application/openmetrics-text", kVersion100},
     PageFormat::openmetrics,
     "application/openmetrics-text; version=1.0.0; charset=utf-8",
     true},
    {{"application/openmetrics-text", kVersion001},
     PageFormat::openmetrics,
     "application/openmetrics-text; version=0.0.1; charset=utf-8",
     false},
    {{"application/vnd.google.protobuf", kDelimited},
     PageFormat::protobuf,
     "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
     true},
}};

bool is_escaping(std::string_view text) {
  return text == "allow-utf-8" || text == "underscores" || text == "dots" || text == "values";
}

struct Negotiated {
  PageFormat format;
  std::string content_type;
};

Negotiated negotiate(std::string_view accept) {
  static const std::vector<http::Offer> offers = [] {
    std::vector<http::Offer> all;
    for (const Representation& one : kRepresentations) all.push_back(one.offer);
    return all;
  }();
  const std::vector<http::MediaRange> ranges = http::parse_accept(accept);
  const auto choice = http::choose(ranges, offers);
  // A scraper that accepts none of them is better served with text than with a 406 (RFC 9110, 12.5.1, leaves
  // the choice).
  const Representation& chosen = kRepresentations[choice ? choice->offer : 0];
  Negotiated result{chosen.format, std::string(chosen.content_type)};
  if (chosen.has_escaping) {
    const std::string_view asked = choice->range->parameter("escaping");
    if (is_escaping(asked)) {
      result.content_type += "; escaping=" + std::string(asked);
    }
  }
  return result;
}

Duration page_wait(std::string_view header) {
  const auto seconds = parse_double(trim(header));
  if (!seconds || !(*seconds > 0)) return kPageWait;
  const double wait = std::min(*seconds - std::min(kTimeoutOffset, *seconds / 2), 3600.0);
  return std::min(kMaxPageWait, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait)));
}

http::Response refuse(int status, std::string why) { return {.status = status, .body = std::move(why)}; }

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// node_exporter's collect[] and exclude[] with its answers; a name in exclude[] that there is not excludes
/// nothing, as there.
Result<std::shared_ptr<const Page>> select_collectors(std::shared_ptr<const Page> page,
                                                      const http::Request& request) {
  const std::vector<std::string> collect = request.params("collect[]"), exclude = request.params("exclude[]");
  if (collect.empty() && exclude.empty()) return page;
  if (!collect.empty() && !exclude.empty()) {
    return Error(ErrorCode::invalid_argument, "Combined collect and exclude queries are not allowed.\n");
  }
  std::vector<std::string> enabled;
  for (const PagePart& part : page->parts()) {
    if (!part.collector.empty()) enabled.push_back(part.collector);
  }
  for (const std::string& name : collect) {
    if (contains(enabled, name)) continue;
    const char* why = find_collector(name) == nullptr ? "missing" : "disabled";
    return Error(ErrorCode::invalid_argument,
                 std::string("Couldn't create filtered metrics handler: couldn't create "
                             "collector: ") +
                     why + " collector: " + name + "\n");
  }
  // In the order of the page, so that one selection is one, however it is written.
  std::erase_if(enabled, [&](const std::string& name) {
    return collect.empty() ? contains(exclude, name) : !contains(collect, name);
  });
  return page->only(enabled);
}

}  // namespace

http::Response Scrapes::answer(const http::Request& request) {
  const bool admitted = under_way_.fetch_add(1) < most_ || most_ == 0;
  http::Response response = admitted ? answer_admitted(request)
                                     : refuse(503, "Limit of concurrent requests reached (" +
                                                       std::to_string(most_) + "), try again later.\n");
  under_way_.fetch_sub(1);
  return response;
}

http::Response Scrapes::answer_admitted(const http::Request& request) {
  auto page = loop_.fresh_page(kMaxPageAge, page_wait(request.header("x-prometheus-scrape-timeout-seconds")));
  if (!page) return refuse(503, "the first pass is not done yet; try again in a second\n");
  const auto selected = select_collectors(std::move(page), request);
  if (!selected) return refuse(400, selected.error().message());
  const std::shared_ptr<const Page>& shown = *selected;

  Negotiated negotiated = negotiate(request.header_list("accept"));
  http::Response response{.content_type = std::move(negotiated.content_type),
                          .shared_body = {shown, &shown->body(negotiated.format)},
                          .headers = {{"Vary", "Accept, Accept-Encoding"}}};
  if (response.shared_body->size() >= kLeastGzipped &&
      http::prefers_coding(request.header_list("accept-encoding"), "gzip")) {
    const std::string& zipped = shown->gzipped(negotiated.format);
    if (!zipped.empty()) {
      response.shared_body = {shown, &zipped};
      response.headers.emplace_back("Content-Encoding", "gzip");
    }
  }
  return response;
}

}  // namespace chiron::agent
