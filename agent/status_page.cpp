#include "agent/status_page.h"

#include "agent/json_fields.h"
#include "agent/table.h"
#include "agent/target_states.h"
#include "agent/version.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b6570;--line:#dde2e7;--good:#1a7f37;--bad:#c1272d;
--warn:#8a5a00;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e8ec;--dim:#98a2ad;--line:#2e353c;--good:#4cc46a;
--bad:#ff7b72;--warn:#e0a53a;--link:#79b8ff}}
body{font:15px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);max-width:64rem;margin:1.5rem auto;
padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}p{margin:.3rem 0}
table{border-collapse:collapse;width:100%}.wide{overflow-x:auto}
th{text-align:left;font-weight:600;color:var(--dim);font-size:.85rem}
th,td{padding:.3rem 1.2rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.k{white-space:nowrap}
code,td.c{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
a{color:var(--link)}.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.good,.bad,.warn{font-weight:600})";

struct Column {
  std::string_view heading;
  std::string_view css = "";
};

/// A cell is text, escaped here, in a class that gives it its colour.
struct Cell {
  std::string text;
  std::string_view css = "";
};

class HtmlTable {
 public:
  explicit HtmlTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<Cell> cells) {
    rows_ += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string text = escape_html(cells[i].text);
      const std::string_view css = i < columns_.size() ? columns_[i].css : "";
      rows_ += css.empty() ? "<td>" : fmt::format("<td class=\"{}\">", css);
      rows_ += cells[i].css.empty() ? text : fmt::format("<span class=\"{}\">{}</span>", cells[i].css, text);
      rows_ += "</td>";
    }
    rows_ += "</tr>\n";
  }

  /// With a heading; `without` instead of a table without rows, or nothing at all.
  std::string section(std::string_view title, std::string_view without) const {
    if (rows_.empty() && without.empty()) return {};
    std::string html = fmt::format("<h2>{}</h2>\n", title);
    if (rows_.empty()) return html + fmt::format("<p class=\"dim\">{}</p>\n", without);
    html += "<div class=\"wide\"><table>\n<tr>";
    for (const Column& column : columns_) {
      html += column.css == "n" ? "<th class=\"n\">" : "<th>";
      html += column.heading;
      html += "</th>";
    }
    return html + "</tr>\n" + rows_ + "</table></div>\n";
  }

 private:
  const std::vector<Column> columns_;
  std::string rows_;
};

std::string_view colour_of_health(std::string_view status) {
  return status == "ok" ? "good" : status == "degraded" ? "warn" : "bad";
}

std::string_view colour_of_run(std::string_view state) {
  if (state == "succeeded") return "good";
  if (state == "running" || state == "verifying" || state == "suppressed" || state == "planned") return "";
  return "bad";
}

std::string head_html(const Json& status) {
  const Json& host = field(status, "host");
  const Json& health = field(status, "health");
  const std::string name = text_of(host, "name").empty() ? text_of(host, "instance") : text_of(host, "name");
  const std::string state = text_of(health, "status");
  std::string html = fmt::format("<h1>{}</h1>\n<p class=\"dim\">Chiron {}", escape_html(name), kVersion);
  if (const std::string kernel = text_of(host, "kernel"); !kernel.empty()) {
    html += " &middot; Linux " + escape_html(kernel);
  }
  if (field(host, "uptime_seconds").is_number()) {
    html += " &middot; up " + human_duration(number_of(host, "uptime_seconds"));
  }
  html +=
      fmt::format("</p>\n<p>Agent <span class=\"{}\">{}</span>", colour_of_health(state), escape_html(state));
  if (field(host, "cpu_used_ratio").is_number()) {
    html += " &middot; cpu " + human_percent(number_of(host, "cpu_used_ratio"));
  }
  if (field(host, "load1").is_number())
    html += fmt::format(" &middot; load {:.2f}", number_of(host, "load1"));
  const double total = number_of(host, "memory_total_bytes");
  if (total > 0 && field(host, "memory_available_bytes").is_number()) {
    html += " &middot; memory " + human_percent(1 - number_of(host, "memory_available_bytes") / total);
  }
  html += "</p>\n";
  for (const Json& problem : field(health, "problems")) {
    html += fmt::format("<p><span class=\"warn\">{}</span> {}</p>\n", escape_html(text_of(problem, "what")),
                        escape_html(text_of(problem, "detail")));
  }
  return html;
}

std::string alerts_html(const Json& alerts) {
  HtmlTable table({{"Alert"}, {"Severity"}, {"State"}, {"For", "n"}, {"Summary"}});
  for (const Json& alert : alerts) {
    const std::string state = text_of(alert, "state");
    std::string summary = text_of(field(alert, "annotations"), "summary");
    if (summary.empty()) summary = labels_text(field(alert, "labels"));
    table.add({{text_of(alert, "name")},
               {text_of(field(alert, "labels"), "severity")},
               {state + (flag_of(alert, "held") ? " (held)" : ""), state == "firing" ? "bad" : "warn"},
               {human_duration(number_of(alert, "active_seconds"))},
               {summary}});
  }
  return table.section("Alerts", "None pending, none firing.");
}

std::string remedies_html(const Json& status) {
  HtmlTable table({{"Remedy", "k"}, {"Mode", "k"}, {"On", "c"}, {"Does"}, {"At most"}});
  for (const Json& one : field(status, "remedies")) {
    const bool held = flag_of(one, "paused") || flag_of(field(one, "armed"), "over");
    table.add({{text_of(one, "name")},
               {mode_text(one), held                                  ? "warn"
                                : text_of(one, "mode") == "automatic" ? "good"
                                                                      : "dim"},
               {text_of(one, "on")},
               {join(field(one, "steps"))},
               {text_of(one, "limits")}});
  }
  std::string html = table.section("Remedies", "None.");
  if (const std::string paused = text_of(status, "paused"); !paused.empty()) {
    html += "<p class=\"warn\">" + escape_html(paused) + "</p>\n";
  }
  return html;
}

std::string target_states_html(const Json& remedies) {
  HtmlTable table(
      {{"Remedy", "k"}, {"Target", "c"}, {"Held by", "k"}, {"May act"}, {"Breaker"}, {"Budget left"}});
  for (const Json& remedy : remedies) {
    for (std::vector<std::string>& row : target_state_rows(remedy)) {
      std::vector<Cell> cells;
      for (std::string& text : row) cells.push_back({std::move(text)});
      if (cells[2].text == "breaker" || cells[2].text == "budget") cells[2].css = "bad";
      table.add(std::move(cells));
    }
  }
  return table.section("Targets that earlier runs still count for", "");
}

std::string runs_html(const Json& status) {
  HtmlTable table(
      {{"Run", "c"}, {"Remedy", "k"}, {"Target", "c"}, {"Outcome", "k"}, {"Took", "n"}, {"Detail"}});
  std::vector<std::string> shown;
  for (const char* list : {"waiting_runs", "active_runs", "recent_runs"}) {
    for (const Json& run : field(status, list)) {
      const std::string id = text_of(run, "id");
      if (std::find(shown.begin(), shown.end(), id) != shown.end()) continue;
      shown.push_back(id);
      const std::string remedy = text_of(run, "remedy");
      const std::string state = text_of(run, "state");
      const bool ended = field(run, "duration_seconds").is_number();
      table.add({{id},
                 {remedy.empty() ? "(action)" : remedy},
                 {text_of(run, "target")},
                 {state, colour_of_run(state)},
                 {ended ? human_duration(number_of(run, "duration_seconds")) : "-"},
                 {run_detail(run)}});
    }
  }
  return table.section("Runs", "None yet.");
}

std::string filesystems_html(const Json& filesystems) {
  HtmlTable table({{"File system", "c"},
                   {"Type"},
                   {"Size", "n"},
                   {"Available", "n"},
                   {"Used", "n"},
                   {"Inodes free", "n"}});
  for (const Json& one : filesystems) {
    const double size = number_of(one, "size_bytes");
    const double used = size > 0 ? 1 - number_of(one, "avail_bytes") / size : 0;
    const bool inodes = field(one, "inodes_free_ratio").is_number();
    table.add({{text_of(one, "mountpoint")},
               {text_of(one, "fstype")},
               {bytes_of(one, "size_bytes")},
               {bytes_of(one, "avail_bytes")},
               {size > 0 ? human_percent(used) : "-", used > 0.95  ? "bad"
                                                      : used > 0.9 ? "warn"
                                                                   : ""},
               {inodes ? human_percent(number_of(one, "inodes_free_ratio")) : "-"}});
  }
  return table.section("File systems", "");
}

std::string watched_html(const Json& status) {
  HtmlTable table({{"Watched"}, {"Name", "c"}, {"State"}, {"What", "c"}});
  const Json& services = field(status, "services");
  for (const Json& one : field(services, "watched")) {
    const bool up = flag_of(one, "up");
    table.add({{"service"}, {text_of(one, "name")}, {up ? "up" : "down", up ? "good" : "bad"}, {}});
  }
  for (const Json& one : field(services, "discovered")) {
    const std::string state = text_of(one, "state");
    const char* look = state == "failed" ? "bad" : state == "running" ? "good" : "";
    table.add({{"installed"}, {text_of(one, "name")}, {state, look}, {text_of(one, "unit")}});
  }
  for (const Json& one : field(services, "failed")) {
    if (one.is_string()) table.add({{"unit"}, {one.get<std::string>()}, {"failed", "bad"}, {}});
  }
  for (const Json& one : field(status, "probes")) {
    const bool ok = flag_of(one, "success");
    table.add({{"probe"},
               {text_of(one, "probe")},
               {ok ? "ok" : "failing", ok ? "good" : "bad"},
               {text_of(one, "target")}});
  }
  for (const Json& one : field(status, "containers")) {
    table.add({{"container"}, {text_of(one, "name")}, {text_of(one, "state")}, {text_of(one, "image")}});
  }
  return table.section("Services, probes and containers", "");
}

std::string links_html(std::span<const http::Route> routes) {
  std::string html = "<h2>Pages</h2>\n<table>\n";
  for (const http::Route& route : routes) {
    const std::string path = escape_html(route.path);
    html += fmt::format("<tr><td class=\"c\"><a href=\"{}\">{}</a></td><td>{}</td></tr>\n", path, path,
                        escape_html(route.help));
  }
  return html + "</table>\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string status_page(std::string_view status_json, std::span<const http::Route> routes) {
  const Json status = Json::parse(status_json, nullptr, false);
  const std::string name = text_of(field(status, "host"), "name");
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"refresh\" content=\"30\">\n";
  html += fmt::format("<title>Chiron{}</title>\n<style>{}</style></head>\n<body>\n",
                      name.empty() ? "" : ": " + escape_html(name), kStyle);
  html += head_html(status) + alerts_html(field(status, "alerts")) + runs_html(status) +
          remedies_html(status) + target_states_html(field(status, "remedies")) + watched_html(status) +
          filesystems_html(field(field(status, "host"), "filesystems")) + links_html(routes);
  return html + fmt::format(
                    "<p class=\"dim\">As of {}; this page reloads itself every 30 s.</p>\n</body>\n</html>\n",
                    escape_html(text_of(status, "time")));
}

}  // namespace chiron::agent
