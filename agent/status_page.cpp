#include "agent/status_page.h"

#include "agent/page_sections.h"
#include "agent/target_states.h"

namespace chiron::agent {
namespace {

constexpr int kReloadSeconds = 30;

Tone tone_of_health(std::string_view status) {
  return status == "ok" ? Tone::good : status == "degraded" ? Tone::warn : Tone::bad;
}

std::vector<std::vector<Text>> lead_of(const Json& status) {
  const Json& health = field(status, "health");
  const std::string state = text_of(health, "status");
  std::vector<Text> now{{"agent " + state, tone_of_health(state)}};
  for (Text& part : load_of_host(status)) now.push_back(std::move(part));
  std::vector<std::vector<Text>> lead{about_host(status), std::move(now)};
  for (const Json& problem : field(health, "problems")) {
    lead.push_back({{text_of(problem, "what"), Tone::warn}, {text_of(problem, "detail")}});
  }
  if (const std::string paused = text_of(status, "paused"); !paused.empty()) {
    lead.push_back({{"remedies are paused", Tone::warn}, {paused}});
  }
  return lead;
}

Section remedies_section(const Json& status) {
  Section section{
      .title = "Remedies",
      .without = "None.",
      .columns = {{"Remedy", ColumnKind::name}, {"Mode"}, {"On", ColumnKind::code}, {"Does"}, {"At most"}}};
  for (const Json& one : field(status, "remedies")) {
    section.add({{text_of(one, "name")},
                 mode_of_remedy(one),
                 {text_of(one, "on")},
                 {join(field(one, "steps"))},
                 {text_of(one, "limits")}});
  }
  return section;
}

Section target_states_section(const Json& status) {
  Section section{.title = "Targets that earlier runs still count for",
                  .without = "",
                  .columns = {{"Remedy", ColumnKind::name},
                              {"Target", ColumnKind::code},
                              {"Held by", ColumnKind::name},
                              {"May act"},
                              {"Breaker"},
                              {"Budget left"}}};
  for (const Json& remedy : field(status, "remedies")) {
    for (std::vector<std::string>& row : target_state_rows(remedy)) {
      std::vector<Text> cells;
      for (std::string& text : row) cells.push_back({std::move(text)});
      if (cells[2].text == "breaker" || cells[2].text == "budget") cells[2].tone = Tone::bad;
      section.add(std::move(cells));
    }
  }
  return section;
}

Section links_section(std::span<const http::Route> routes) {
  Section section{.title = "Pages", .without = "", .columns = {{"", ColumnKind::code}, {""}}};
  for (const http::Route& route : routes) section.add({{route.path, Tone::plain, route.path}, {route.help}});
  return section;
}

}  // namespace

Document status_page(std::string_view status_json, std::span<const http::Route> routes) {
  const Json status = Json::parse(status_json, nullptr, false);
  const std::string name = host_name(status);
  Document page{.title = name.empty() ? "Chiron" : name, .lead = lead_of(status)};
  page.sections = {alerts_section(status),
                   runs_section(status, {"waiting_runs", "active_runs", "recent_runs"}, "None yet."),
                   remedies_section(status),
                   target_states_section(status),
                   services_section(status),
                   probes_section(status),
                   containers_section(status),
                   filesystems_section(status),
                   links_section(routes)};
  page.foot = "As of " + text_of(status, "time") + "; this page reloads itself every 30 s.";
  page.reload_seconds = kReloadSeconds;
  return page;
}

}  // namespace chiron::agent
