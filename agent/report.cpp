#include "agent/report.h"

#include "agent/page_sections.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

/// 2026-01-31T23:59:59.123Z -> 2026-01-31 23:59 UTC
std::string minute_of(std::string text) {
  if (text.size() < 16) return text;
  text.resize(16);
  text[10] = ' ';
  return text + " UTC";
}

std::string counted(std::size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::vector<std::vector<Text>> lead_of(const Json& report) {
  const std::size_t findings = field(report, "findings").size();
  std::size_t firing = 0;
  for (const Json& alert : field(report, "alerts")) {
    const bool tells = text_of(field(alert, "labels"), "severity") != "none";
    firing += tells && text_of(alert, "state") == "firing" ? 1U : 0U;
  }
  std::vector<Text> verdict{findings == 0 ? Text{"all is well", Tone::good}
                                          : Text{counted(findings, "finding"), Tone::bad}};
  verdict.push_back({counted(firing, "alert") + " firing", firing > 0 ? Tone::warn : Tone::plain});
  std::vector<std::vector<Text>> lead{about_host(report), std::move(verdict)};
  if (std::vector<Text> load = load_of_host(report); !load.empty()) lead.push_back(std::move(load));
  return lead;
}

/// What no remedy will mend.
Section needs_section(const Json& report) {
  Section section{.title = "Needs a person",
                  .without = "Nothing.",
                  .columns = {{"What", ColumnKind::name}, {"Which", ColumnKind::code}, {"Detail"}}};
  for (const Json& run : field(report, "waiting_runs")) {
    section.add({{"approval", Tone::warn},
                 {text_of(run, "remedy") + " on " + text_of(run, "target")},
                 {"chiron remedy approve " + text_of(run, "id")}});
  }
  if (const std::string paused = text_of(report, "paused"); !paused.empty()) {
    section.add({{"paused", Tone::warn}, {"all remedies"}, {paused}});
  }
  for (const Json& one : field(report, "findings")) {
    section.add({{text_of(one, "check"), Tone::bad}, {text_of(one, "what")}, {text_of(one, "detail")}});
  }
  const Json& updates = field(report, "updates");
  if (number_of(updates, "reboot_required") == 1) {
    section.add({{"reboot", Tone::warn}, {}, {"an update that was installed needs one"}});
  }
  if (const double security = number_of(updates, "security_pending"); security > 0) {
    section.add({{"updates", Tone::warn}, {}, {fmt::format("{:.0f} of security wait", security)}});
  }
  return section;
}

Section host_section(const Json& report) {
  Section section{.title = "Updates", .without = "", .columns = {{""}, {"", ColumnKind::number}}};
  const Json& updates = field(report, "updates");
  if (field(updates, "pending").is_number())
    section.add({{"Packages that can be upgraded"}, {fmt::format("{:.0f}", number_of(updates, "pending"))}});
  if (field(updates, "reboot_required").is_number())
    section.add({{"Reboot required"}, {number_of(updates, "reboot_required") == 1 ? "yes" : "no"}});
  return section;
}

Section remedies_section(const Json& report) {
  Section section{.title = "Remedies in the last " + human_duration(number_of(report, "period_seconds")),
                  .without = "None.",
                  .columns = {{"Remedy", ColumnKind::name},
                              {"Mode"},
                              {"Runs", ColumnKind::number},
                              {"Succeeded", ColumnKind::number},
                              {"Failed", ColumnKind::number},
                              {"Planned", ColumnKind::number},
                              {"Freed", ColumnKind::number},
                              {"Next", ColumnKind::name}}};
  const auto number = [](const Json& of, const char* name) {
    const double value = number_of(of, name);
    return Text{fmt::format("{:.0f}", value), value == 0 ? Tone::dim : Tone::plain};
  };
  for (const Json& one : field(report, "remedies")) {
    const Json& runs = field(one, "period");
    Text failed = number(runs, "failed");
    if (number_of(runs, "failed") > 0) failed.tone = Tone::bad;
    const std::string next = text_of(field(one, "schedule"), "next");
    section.add(
        {{text_of(one, "name")},
         mode_of_remedy(one),
         number(runs, "runs"),
         number(runs, "succeeded"),
         std::move(failed),
         number(runs, "planned"),
         number_of(runs, "freed_bytes") > 0 ? Text{bytes_of(runs, "freed_bytes")} : Text{"-", Tone::dim},
         next.empty() ? Text{"on alert", Tone::dim} : Text{minute_of(next)}});
  }
  section.note =
      "Failed: failed, ran out of time, did not help, or was interrupted. Planned: said in dry-run what it "
      "would do.";
  return section;
}

}  // namespace

Result<ReportRequest> parse_report_request(std::string_view format, std::string_view period,
                                           ReportRequest defaults) {
  ReportRequest request = defaults;
  if (!format.empty()) {
    const auto known = remediation::parse_report_format(format);
    if (!known) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("format: '{}' is neither markdown nor html", format));
    }
    request.format = *known;
  }
  if (!period.empty()) {
    const auto length = parse_duration(period);
    if (!length.ok()) return Error(length.error()).wrap("period");
    if (*length < remediation::kShortestPeriod || *length > remediation::kLongestPeriod) {
      return Error(ErrorCode::invalid_argument, fmt::format("period: {} is not from {} to {}", period,
                                                            format_duration(remediation::kShortestPeriod),
                                                            format_duration(remediation::kLongestPeriod)));
    }
    request.period = *length;
  }
  return request;
}

Document report_page(std::string_view report_json) {
  const Json report = Json::parse(report_json, nullptr, false);
  const std::string name = host_name(report);
  Document page{.title = name.empty() ? "Health report" : "Health report of " + name,
                .lead = lead_of(report)};
  page.sections = {needs_section(report),
                   alerts_section(report),
                   filesystems_section(report),
                   services_section(report),
                   probes_section(report),
                   containers_section(report),
                   host_section(report),
                   remedies_section(report),
                   runs_section(report, {"active_runs", "recent_runs"}, "None yet.")};
  page.foot = fmt::format("As of {}; runs since {}.", minute_of(text_of(report, "time")),
                          minute_of(text_of(report, "since")));
  return page;
}

}  // namespace chiron::agent
