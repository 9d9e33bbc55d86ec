#include "agent/api.h"

#include "agent/report.h"
#include "agent/status_page.h"
#include "exporter/base/parse.h"

namespace chiron::agent {
namespace {

constexpr const char* kJson = "application/json";

http::Response json(std::string body, int status = 200) {
  return {.status = status, .content_type = kJson, .body = std::move(body)};
}

http::Response from(Result<std::string> body) {
  if (body.ok()) return json(*std::move(body));
  const int status = body.error().code() == ErrorCode::not_found          ? 404
                     : body.error().code() == ErrorCode::invalid_argument ? 400
                                                                          : 503;
  return json(promapi::error_envelope(status == 503 ? "unavailable" : "bad_data", body.error().to_string()),
              status);
}

Result<std::string> runs(const Views& views, const http::Request& request) {
  remediation::HistoryFilter filter;
  filter.remedy = request.param("remedy");
  filter.target = request.param("target");
  filter.state = request.param("state");
  if (!filter.state.empty() && !remediation::parse_run_state(filter.state)) {
    return Error(ErrorCode::invalid_argument, "'" + filter.state + "' is no state of a run");
  }
  if (const std::string text = request.param("limit"); !text.empty()) {
    const auto limit = parse_int<std::size_t>(text);
    if (!limit || *limit == 0 || *limit > 1000) {
      return Error(ErrorCode::invalid_argument, "limit must be a number from 1 to 1000");
    }
    filter.limit = *limit;
  }
  return views.runs(filter);
}

/// Nothing on the page comes from elsewhere, and nothing on it runs.
http::Response html_page(std::string html) {
  return {.content_type = "text/html; charset=utf-8",
          .body = std::move(html),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}}};
}

http::Response report(const Views& views, const http::Request& request) {
  const auto wanted = parse_report_request(request.param("format"), request.param("period"),
                                           {.format = remediation::ReportFormat::html});
  if (!wanted.ok()) return from(wanted.error());
  auto text = views.report(wanted->format, wanted->period);
  if (!text.ok()) return from(text.error());
  if (wanted->format == remediation::ReportFormat::html) return html_page(*std::move(text));
  return {.content_type = "text/markdown; charset=utf-8",
          .body = *std::move(text),
          .headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}}};
}

}  // namespace

std::vector<http::Route> make_routes(const Views& views, Scrapes& scrapes, promapi::Api& api) {
  using http::Request;
  using http::Response;
  std::vector<http::Route> routes{
      {"GET", "/metrics", "Samples of this host: text, OpenMetrics or protobuf, as asked for.",
       [&scrapes](const Request& request) { return scrapes.answer(request); }},
      {"GET", "/-/healthy", "200 while the sampling loop makes progress, else 503.",
       [&views](const Request&) {
         return views.healthy() ? Response{.status = 200, .body = "Chiron is healthy.\n"}
                                : Response{.status = 503, .body = "The sampling loop stands still.\n"};
       }},
      {"GET", "/-/ready", "200 once the first pass is done, else 503.",
       [&views](const Request&) {
         return views.ready() ? Response{.status = 200, .body = "Chiron is ready.\n"}
                              : Response{.status = 503, .body = "The first pass is not done yet.\n"};
       }},
      {"GET", "/report", "A health report: format (html, markdown), period (7d).",
       [&views](const Request& request) { return report(views, request); }},
      {"GET", "/api/v1/health", "What is wrong with the agent itself, as JSON.",
       [&views](const Request&) { return json(views.health(), views.healthy() ? 200 : 503); }},
      {"GET", "/api/v1/status", "Host, services, containers, alerts, remedies and runs, as JSON.",
       [&views](const Request&) { return json(views.status()); }},
      {"GET", "/api/v1/status-simple", "The same in a dozen plain values.",
       [&views](const Request&) { return json(views.status_simple()); }},
      {"GET", "/api/v1/remedies", "The remedies, with how policy stands towards their targets, as JSON.",
       [&views](const Request&) { return json(views.remedies()); }},
      {"GET", "/api/v1/runs", "Runs from the ledger, newest first; remedy, target, state, limit.",
       [&views](const Request& request) { return from(runs(views, request)); }},
  };
  for (http::Route& route : api.routes()) routes.push_back(std::move(route));
  std::vector<http::Route> listed;
  std::copy_if(routes.begin(), routes.end(), std::back_inserter(listed),
               [](const http::Route& route) { return route.method == "GET"; });
  for (http::Route& route : listed) route.handler = nullptr;
  routes.push_back({"GET", "/", "The state of the host and the agent on one page.",
                    [&views, listed = std::move(listed)](const Request&) {
                      return html_page(to_html(status_page(views.status(), listed)));
                    }});
  return routes;
}

}  // namespace chiron::agent
