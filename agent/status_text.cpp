#include "agent/status_text.h"

#include "agent/cli_client.h"
#include "agent/table.h"
#include "agent/target_states.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

std::string host_text(const Json& status) {
  const Json& host = field(status, "host");
  std::string text = line_of(host, "name").empty() ? line_of(host, "instance") : line_of(host, "name");
  if (const std::string kernel = line_of(host, "kernel"); !kernel.empty()) text += " (Linux " + kernel + ")";
  if (field(host, "uptime_seconds").is_number())
    text += ", up " + human_duration(number_of(host, "uptime_seconds"));
  text += ": agent " + line_of(field(status, "health"), "status") + "\n";
  for (const Json& problem : field(field(status, "health"), "problems")) {
    text += "  " + line_of(problem, "what") + ": " + line_of(problem, "detail") + '\n';
  }
  std::string line;
  if (field(host, "cpu_used_ratio").is_number())
    line += "cpu " + human_percent(number_of(host, "cpu_used_ratio")) + "   ";
  if (field(host, "load1").is_number()) {
    line += fmt::format("load {:.2f} on {} cpus   ", number_of(host, "load1"), number_of(host, "cpus"));
  }
  const double total = number_of(host, "memory_total_bytes");
  if (total > 0 && field(host, "memory_available_bytes").is_number()) {
    const double used = total - number_of(host, "memory_available_bytes");
    line += fmt::format("memory {} of {} ({})", format_bytes(static_cast<std::uint64_t>(std::max(0.0, used))),
                        format_bytes(static_cast<std::uint64_t>(total)), human_percent(used / total));
  }
  return line.empty() ? text : text + line + '\n';
}

std::string filesystems_text(const Json& host) {
  Table table({"FILE SYSTEM", "TYPE", "SIZE", "AVAILABLE", "USED", "INODES FREE"});
  for (const Json& one : field(host, "filesystems")) {
    const double size = number_of(one, "size_bytes");
    table.add({line_of(one, "mountpoint"), line_of(one, "fstype"), bytes_of(one, "size_bytes"),
               bytes_of(one, "avail_bytes"),
               size > 0 ? human_percent(1 - number_of(one, "avail_bytes") / size) : "-",
               field(one, "inodes_free_ratio").is_number()
                   ? human_percent(number_of(one, "inodes_free_ratio"))
                   : "-"});
  }
  return table.empty() ? "" : '\n' + table.to_string();
}

std::string services_text(const Json& status) {
  Table table({"WATCHED", "NAME", "STATE", "WHAT"});
  const Json& services = field(status, "services");
  for (const Json& one : field(services, "watched")) {
    table.add({"service", line_of(one, "name"), flag_of(one, "up") ? "up" : "DOWN"});
  }
  for (const Json& one : field(services, "discovered")) {
    const std::string state = line_of(one, "state");
    table.add(
        {"installed", line_of(one, "name"), state == "failed" ? "FAILED" : state, line_of(one, "unit")});
  }
  for (const Json& one : field(status, "probes")) {
    table.add(
        {"probe", line_of(one, "probe"), flag_of(one, "success") ? "ok" : "FAILING", line_of(one, "target")});
  }
  for (const Json& one : field(status, "containers")) {
    table.add({"container", line_of(one, "name"), line_of(one, "state"), line_of(one, "image")});
  }
  std::string text = table.empty() ? "" : '\n' + table.to_string();
  if (!field(services, "failed").empty()) text += "\nfailed units: " + join(field(services, "failed")) + '\n';
  return text;
}

std::string alerts_text(const Json& alerts) {
  if (alerts.empty()) return "\nno alerts\n";
  Table table({"ALERT", "SEVERITY", "STATE", "FOR", "SUMMARY"});
  for (const Json& alert : alerts) {
    std::string summary = line_of(field(alert, "annotations"), "summary");
    if (summary.empty()) summary = labels_text(field(alert, "labels"));
    table.add({line_of(alert, "name"), line_of(field(alert, "labels"), "severity"),
               line_of(alert, "state") + (flag_of(alert, "held") ? " (held)" : ""),
               human_duration(number_of(alert, "active_seconds")), summary});
  }
  return '\n' + table.to_string();
}

std::string decision_text(const Json& decision) {
  if (flag_of(decision, "would_act")) return "would act now";
  const std::string detail = line_of(decision, "detail");
  return "does not act: " + line_of(decision, "reason") + (detail.empty() ? "" : " (" + detail + ")");
}

std::string target_states_text(const Json& remedies) {
  Table table(target_state_headings());
  for (const Json& remedy : remedies) {
    for (std::vector<std::string>& row : target_state_rows(remedy)) table.add(std::move(row));
  }
  return table.empty() ? "" : '\n' + table.to_string();
}

}  // namespace

std::string status_text(const Json& status) {
  std::string text = host_text(status) + filesystems_text(field(status, "host")) + services_text(status) +
                     alerts_text(field(status, "alerts")) + '\n';
  if (const std::string paused = line_of(status, "paused"); !paused.empty()) text += paused + '\n';
  text += remedies_text(field(status, "remedies"));
  if (!field(status, "waiting_runs").empty()) {
    text += "\nwaiting for `chiron remedy approve RUN` or `reject RUN`:\n" +
            runs_table(field(status, "waiting_runs"));
  }
  if (!field(status, "active_runs").empty())
    text += "\nrunning now:\n" + runs_table(field(status, "active_runs"));
  if (!field(status, "recent_runs").empty()) text += "\n" + runs_table(field(status, "recent_runs"));
  return text;
}

std::string remedies_text(const Json& remedies) {
  Table table({"REMEDY", "MODE", "ON", "DOES", "AT MOST", "NEXT"});
  for (const Json& one : remedies) {
    table.add({line_of(one, "name"), mode_text(one), line_of(one, "on"), join(field(one, "steps")),
               line_of(one, "limits"), minute_text(line_of(field(one, "schedule"), "next"))});
  }
  return table.empty() ? "no remedies\n" : table.to_string() + target_states_text(remedies);
}

std::string remedy_text(const Json& remedy) {
  std::string text = fmt::format("remedy {}, {}, on {}\n", line_of(remedy, "name"), mode_text(remedy),
                                 line_of(remedy, "on"));
  const auto line = [&text](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<12}{}\n", what, value);
  };
  line("", line_of(remedy, "description"));
  line("does", join(field(remedy, "steps")));
  line("target", line_of(remedy, "target"));
  line("allowed", join(field(remedy, "targets")));
  line("at most", line_of(remedy, "limits"));
  line("next", field(remedy, "schedule").is_object() ? minute_text(line_of(field(remedy, "schedule"), "next"))
                                                     : std::string());
  line("paused", line_of(remedy, "paused_detail"));
  line("file", line_of(remedy, "file"));
  const std::string states = target_states_text(Json::array({remedy}));
  return text + (states.empty() ? "\nno earlier run holds it back anywhere\n" : states);
}

std::string why_text(const Json& why) {
  std::string text;
  for (const Json& rule : field(why, "rules")) {
    const Json& labels = field(rule, "labels");
    text += fmt::format("rule {}{} in group {} of {}\n  {}\n", line_of(why, "name"),
                        labels.empty() ? "" : labels_text(labels), line_of(rule, "group"),
                        line_of(rule, "file"), text_of(rule, "expr"));
    if (const std::string error = line_of(rule, "error"); !error.empty()) text += "  fails: " + error + '\n';
  }
  if (!field(why, "rules").empty() && field(why, "alerts").empty())
    text += "  not firing: its expression yields nothing now\n";
  for (const Json& alert : field(why, "alerts")) {
    text += fmt::format("alert {} for {}{}\n", line_of(alert, "state"),
                        human_duration(number_of(alert, "active_seconds")),
                        flag_of(alert, "held") ? ", held: the source of its series fails" : "");
    text += "  " + labels_text(field(alert, "labels")) + '\n';
  }
  for (const Json& remedy : field(why, "remedies")) {
    text += fmt::format("remedy {}, {}, on {}\n", line_of(remedy, "name"), mode_text(remedy),
                        line_of(remedy, "on"));
    if (const std::string paused = line_of(remedy, "paused_detail"); !paused.empty()) {
      text += "  " + paused + '\n';
    }
    if (field(remedy, "schedule").is_object()) {
      text += fmt::format("  next by its schedule at {}: {}\n",
                          minute_text(line_of(field(remedy, "schedule"), "next")),
                          decision_text(field(remedy, "decision")));
    }
    if (field(remedy, "decisions").empty() && !line_of(remedy, "alerts").empty())
      text += "  no firing or pending alert matches it now\n";
    for (const Json& decision : field(remedy, "decisions")) {
      const bool firing = line_of(field(decision, "alert"), "state") == "firing";
      text += fmt::format(
          "  on '{}' for {}: {}\n", line_of(decision, "target"), line_of(field(decision, "alert"), "name"),
          firing ? decision_text(field(decision, "decision")) : "does not act: the alert is pending");
    }
  }
  text += target_states_text(field(why, "remedies"));
  if (!field(why, "rules").empty() && field(why, "remedies").empty())
    text += "no remedy is triggered by its alerts\n";
  if (!field(why, "runs").empty()) text += "last runs\n" + runs_table(field(why, "runs"));
  return text;
}

std::string plan_text(const Json& plan) {
  std::string text = line_of(plan, "summary") + '\n';
  Table table({"WHAT", "BYTES", "NOTE"});
  std::size_t shown = 0;
  for (const Json& item : field(plan, "items")) {
    if (++shown > 30) break;
    const double bytes = number_of(item, "bytes");
    table.add({line_of(item, "what"), bytes > 0 ? format_bytes(static_cast<std::uint64_t>(bytes)) : "-",
               line_of(item, "note")});
  }
  if (!table.empty()) text += table.to_string();
  if (field(plan, "items").size() > 30)
    text += fmt::format("... and {} more\n", field(plan, "items").size() - 30);
  return text;
}

std::string remedy_plan_text(const Json& plan) {
  std::string text = fmt::format("remedy {} on '{}': {}\n", line_of(plan, "remedy"), line_of(plan, "target"),
                                 decision_text(plan));
  for (const Json& step : field(plan, "steps")) {
    text += "step " + line_of(step, "action") + ": ";
    text += field(step, "plan").is_null() ? "cannot: " + line_of(step, "error") + '\n'
                                          : plan_text(field(step, "plan"));
  }
  return text;
}

}  // namespace chiron::agent
