#include "agent/page_sections.h"

#include "agent/table.h"
#include "agent/version.h"
#include "exporter/base/parse.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr double kDay = 86'400;
// Slower is no trend that a person would act on, and within what a log file makes in a day.
constexpr double kFarAway = 60 * kDay;

Tone tone_of_run(std::string_view state) {
  if (state == "succeeded") return Tone::good;
  if (state == "running" || state == "verifying" || state == "suppressed" || state == "planned")
    return Tone::plain;
  return Tone::bad;
}

std::string size_text(double bytes) { return format_bytes(static_cast<std::uint64_t>(std::max(0.0, bytes))); }

Text trend_of(const Json& filesystem) {
  if (!field(filesystem, "avail_trend_bytes_per_day").is_number()) return {"-", Tone::dim};
  const double daily = number_of(filesystem, "avail_trend_bytes_per_day");
  if (std::abs(daily) < number_of(filesystem, "size_bytes") / 1000) return {"steady", Tone::dim};
  return {fmt::format("{} {} a day", size_text(std::abs(daily)), daily < 0 ? "less" : "more")};
}

Text full_in(const Json& filesystem) {
  if (!field(filesystem, "full_in_seconds").is_number()) return {"-", Tone::dim};
  const double left = number_of(filesystem, "full_in_seconds");
  if (left > kFarAway) return {"-", Tone::dim};
  return {human_duration(left), left < kDay ? Tone::bad : left < 7 * kDay ? Tone::warn : Tone::plain};
}

std::vector<Text> filesystem_row(const Json& one, bool trends) {
  const double size = number_of(one, "size_bytes");
  const double used = size > 0 ? 1 - number_of(one, "avail_bytes") / size : 0;
  const bool inodes = field(one, "inodes_free_ratio").is_number();
  std::vector<Text> row{{text_of(one, "mountpoint")},
                        {text_of(one, "fstype") + (flag_of(one, "readonly") ? ", read-only" : "")},
                        {bytes_of(one, "size_bytes")},
                        {bytes_of(one, "avail_bytes")},
                        {size > 0 ? human_percent(used) : "-", flag_of(one, "readonly") ? Tone::plain
                                                               : used > 0.95            ? Tone::bad
                                                               : used > 0.9             ? Tone::warn
                                                                                        : Tone::plain},
                        {inodes ? human_percent(number_of(one, "inodes_free_ratio")) : "-"}};
  if (trends) {
    row.push_back(trend_of(one));
    row.push_back(full_in(one));
  }
  return row;
}

}  // namespace

std::string host_name(const Json& status) {
  const Json& host = field(status, "host");
  const std::string name = text_of(host, "name");
  return name.empty() ? text_of(host, "instance") : name;
}

std::vector<Text> about_host(const Json& status) {
  const Json& host = field(status, "host");
  std::vector<Text> parts{{"Chiron " + std::string(kVersion), Tone::dim}};
  if (const std::string kernel = text_of(host, "kernel"); !kernel.empty()) {
    parts.push_back({"Linux " + kernel, Tone::dim});
  }
  if (field(host, "uptime_seconds").is_number()) {
    parts.push_back({"up " + human_duration(number_of(host, "uptime_seconds")), Tone::dim});
  }
  return parts;
}

std::vector<Text> load_of_host(const Json& status) {
  const Json& host = field(status, "host");
  std::vector<Text> parts;
  if (field(host, "cpu_used_ratio").is_number()) {
    parts.push_back({"cpu " + human_percent(number_of(host, "cpu_used_ratio"))});
  }
  if (field(host, "load1").is_number()) {
    std::string load = fmt::format("load {:.2f}", number_of(host, "load1"));
    if (const double cpus = number_of(host, "cpus"); cpus > 0) load += fmt::format(" on {:.0f} cpus", cpus);
    parts.push_back({std::move(load)});
  }
  const double memory = number_of(host, "memory_total_bytes");
  if (memory > 0 && field(host, "memory_available_bytes").is_number()) {
    const double used = memory - number_of(host, "memory_available_bytes");
    parts.push_back({fmt::format("memory {} of {} ({})", size_text(used), size_text(memory),
                                 human_percent(used / memory))});
  }
  const double swap = number_of(host, "swap_total_bytes");
  if (swap > 0 && field(host, "swap_free_bytes").is_number()) {
    const double used = swap - number_of(host, "swap_free_bytes");
    parts.push_back({fmt::format("swap {} of {}", size_text(used), size_text(swap))});
  }
  return parts;
}

Section alerts_section(const Json& status) {
  Section section{
      .title = "Alerts",
      .without = "None pending, none firing.",
      .columns = {
          {"Alert", ColumnKind::name}, {"Severity"}, {"State"}, {"For", ColumnKind::number}, {"Summary"}}};
  // The one that always fires says that alerting itself is well; it comes last.
  std::vector<std::vector<Text>> quiet;
  for (const Json& alert : field(status, "alerts")) {
    const std::string state = text_of(alert, "state");
    const std::string severity = text_of(field(alert, "labels"), "severity");
    std::string summary = text_of(field(alert, "annotations"), "summary");
    if (summary.empty()) summary = labels_text(field(alert, "labels"));
    const bool is_quiet = severity == "none";
    std::vector<Text> row{
        {text_of(alert, "name")},
        {severity, is_quiet ? Tone::dim : Tone::plain},
        {state + (flag_of(alert, "held") ? " (held)" : ""), is_quiet            ? Tone::dim
                                                            : state == "firing" ? Tone::bad
                                                                                : Tone::warn},
        {human_duration(number_of(alert, "active_seconds"))},
        {summary}};
    if (is_quiet) {
      quiet.push_back(std::move(row));
    } else {
      section.add(std::move(row));
    }
  }
  for (std::vector<Text>& row : quiet) section.add(std::move(row));
  return section;
}

Section runs_section(const Json& status, std::initializer_list<const char*> lists, std::string without) {
  Section section{.title = "Runs",
                  .without = std::move(without),
                  .columns = {{"Run", ColumnKind::name},
                              {"Remedy", ColumnKind::name},
                              {"Target", ColumnKind::code},
                              {"Outcome", ColumnKind::name},
                              {"Took", ColumnKind::number},
                              {"Detail"}}};
  std::vector<std::string> shown;
  for (const char* list : lists) {
    for (const Json& run : field(status, list)) {
      const std::string id = text_of(run, "id");
      if (std::find(shown.begin(), shown.end(), id) != shown.end()) continue;
      shown.push_back(id);
      const std::string remedy = text_of(run, "remedy");
      const std::string state = text_of(run, "state");
      const bool ended = field(run, "duration_seconds").is_number();
      section.add({{id},
                   {remedy.empty() ? "(action)" : remedy},
                   {text_of(run, "target")},
                   {state, tone_of_run(state)},
                   {ended ? human_duration(number_of(run, "duration_seconds")) : "-"},
                   {run_detail(run)}});
    }
  }
  return section;
}

Section services_section(const Json& status) {
  Section section{.title = "Services",
                  .without = "",
                  .columns = {{"Name", ColumnKind::code}, {"State", ColumnKind::name}, {"What"}}};
  const Json& services = field(status, "services");
  for (const Json& one : field(services, "failed")) {
    if (one.is_string()) section.add({{one.get<std::string>()}, {"failed", Tone::bad}, {"unit"}});
  }
  for (const Json& one : field(services, "watched")) {
    const bool up = flag_of(one, "up");
    section.add({{text_of(one, "name")}, {up ? "up" : "down", up ? Tone::good : Tone::bad}, {"watched"}});
  }
  for (const Json& one : field(services, "discovered")) {
    const std::string state = text_of(one, "state");
    const Tone tone = state == "failed" ? Tone::bad : state == "running" ? Tone::good : Tone::plain;
    section.add({{text_of(one, "unit")}, {state, tone}, {"installed: " + text_of(one, "name")}});
  }
  return section;
}

Section probes_section(const Json& status) {
  Section section{
      .title = "Probes",
      .without = "",
      .columns = {{"Probe", ColumnKind::name}, {"State", ColumnKind::name}, {"Target", ColumnKind::code}}};
  for (const Json& one : field(status, "probes")) {
    const bool ok = flag_of(one, "success");
    section.add({{text_of(one, "probe")},
                 {ok ? "ok" : "failing", ok ? Tone::good : Tone::bad},
                 {text_of(one, "target")}});
  }
  return section;
}

Section containers_section(const Json& status) {
  Section section{.title = "Containers",
                  .without = "",
                  .columns = {{"Container", ColumnKind::code},
                              {"State", ColumnKind::name},
                              {"Health", ColumnKind::name},
                              {"Image", ColumnKind::code}}};
  for (const Json& one : field(status, "containers")) {
    const std::string state = text_of(one, "state");
    const std::string health = text_of(one, "health");
    section.add({{text_of(one, "name")},
                 {state, state == "running" ? Tone::good : Tone::plain},
                 {health.empty() ? "-" : health, health == "unhealthy" ? Tone::bad
                                                 : health == "healthy" ? Tone::good
                                                                       : Tone::dim},
                 {text_of(one, "image")}});
  }
  return section;
}

Section filesystems_section(const Json& status) {
  const Json& filesystems = field(field(status, "host"), "filesystems");
  const bool trends = std::ranges::any_of(
      filesystems, [](const Json& one) { return !field(one, "avail_trend_bytes_per_day").is_null(); });
  Section section{.title = "File systems",
                  .without = "",
                  .columns = {{"Mount point", ColumnKind::code},
                              {"Type"},
                              {"Size", ColumnKind::number},
                              {"Available", ColumnKind::number},
                              {"Used", ColumnKind::number},
                              {"Inodes free", ColumnKind::number}}};
  if (trends) {
    section.columns.push_back({"Available, trend", ColumnKind::number});
    section.columns.push_back({"Full in", ColumnKind::number});
    section.note = "The trend is that of the last 6 hours.";
  }
  for (const Json& one : filesystems) section.add(filesystem_row(one, trends));
  return section;
}

Text mode_of_remedy(const Json& remedy) {
  const bool held = flag_of(remedy, "paused") || flag_of(field(remedy, "armed"), "over");
  return {mode_text(remedy), held                                     ? Tone::warn
                             : text_of(remedy, "mode") == "automatic" ? Tone::good
                                                                      : Tone::dim};
}

}  // namespace chiron::agent
