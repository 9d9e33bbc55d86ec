#include "agent/status_text.h"

#include "agent/cli_client.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

std::string join(const Json& texts) {
  std::string out;
  for (const Json& text : texts) out += (out.empty() ? "" : ", ") + text.get<std::string>();
  return out;
}

std::string host_text(const Json& status) {
  const Json& host = status["host"];
  std::string text = text_of(host, "name").empty() ? text_of(host, "instance") : text_of(host, "name");
  if (const std::string kernel = text_of(host, "kernel"); !kernel.empty()) text += " (Linux " + kernel + ")";
  if (host["uptime_seconds"].is_number()) text += ", up " + human_duration(number_of(host, "uptime_seconds"));
  text += ": agent " + text_of(status["health"], "status") + "\n";
  for (const Json& problem : status["health"]["problems"]) {
    text += "  " + text_of(problem, "what") + ": " + text_of(problem, "detail") + '\n';
  }
  std::string line;
  if (host["cpu_used_ratio"].is_number())
    line += "cpu " + human_percent(number_of(host, "cpu_used_ratio")) + "   ";
  if (host["load1"].is_number()) {
    line += fmt::format("load {:.2f} on {} cpus   ", number_of(host, "load1"), number_of(host, "cpus"));
  }
  const double total = number_of(host, "memory_total_bytes");
  if (total > 0 && host["memory_available_bytes"].is_number()) {
    const double used = total - number_of(host, "memory_available_bytes");
    line += fmt::format("memory {} of {} ({})", format_bytes(static_cast<std::uint64_t>(used)),
                        format_bytes(static_cast<std::uint64_t>(total)), human_percent(used / total));
  }
  return line.empty() ? text : text + line + '\n';
}

std::string filesystems_text(const Json& host) {
  Table table({"FILE SYSTEM", "TYPE", "SIZE", "AVAILABLE", "USED", "INODES FREE"});
  for (const Json& one : host["filesystems"]) {
    const double size = number_of(one, "size_bytes");
    table.add(
        {text_of(one, "mountpoint"), text_of(one, "fstype"), bytes_of(one, "size_bytes"),
         bytes_of(one, "avail_bytes"),
         size > 0 ? human_percent(1 - number_of(one, "avail_bytes") / size) : "-",
         one["inodes_free_ratio"].is_number() ? human_percent(number_of(one, "inodes_free_ratio")) : "-"});
  }
  return table.empty() ? "" : '\n' + table.to_string();
}

std::string services_text(const Json& status) {
  std::string text;
  const Json& services = status["services"];
  for (const Json& one : services["watched"]) {
    text += fmt::format("service  {}  {}\n", text_of(one, "name"), one["up"].get<bool>() ? "up" : "DOWN");
  }
  if (!services["failed"].empty()) text += "failed units: " + join(services["failed"]) + '\n';
  for (const Json& one : status["probes"]) {
    text += fmt::format("probe    {}  {}  {}\n", text_of(one, "probe"), text_of(one, "target"),
                        one["success"].get<bool>() ? "ok" : "FAILING");
  }
  for (const Json& one : status["containers"]) {
    text += fmt::format("container  {}  {}  {}\n", text_of(one, "name"), text_of(one, "image"),
                        text_of(one, "state"));
  }
  return text.empty() ? text : '\n' + text;
}

std::string alerts_text(const Json& alerts) {
  if (alerts.empty()) return "\nno alerts\n";
  Table table({"ALERT", "STATE", "FOR", "SUMMARY"});
  for (const Json& alert : alerts) {
    std::string summary = text_of(alert["annotations"], "summary");
    if (summary.empty()) summary = alert["labels"].dump();
    table.add({text_of(alert, "name"), text_of(alert, "state") + (alert["held"].get<bool>() ? " (held)" : ""),
               human_duration(number_of(alert, "active_seconds")), summary});
  }
  return '\n' + table.to_string();
}

std::string decision_text(const Json& decision) {
  if (decision["would_act"].get<bool>()) return "would act now";
  const std::string detail = text_of(decision, "detail");
  return "does not act: " + text_of(decision, "reason") + (detail.empty() ? "" : " (" + detail + ")");
}

}  // namespace

std::string status_text(const Json& status) {
  std::string text = host_text(status) + filesystems_text(status["host"]) + services_text(status) +
                     alerts_text(status["alerts"]) + '\n' + remedies_text(status["remedies"]);
  if (!status["active_runs"].empty()) text += "\nrunning now:\n" + runs_table(status["active_runs"]);
  if (!status["recent_runs"].empty()) text += "\n" + runs_table(status["recent_runs"]);
  return text;
}

std::string remedies_text(const Json& remedies) {
  Table table({"REMEDY", "MODE", "ON", "DOES", "BUDGET"});
  for (const Json& one : remedies) {
    table.add({text_of(one, "name"), text_of(one, "mode") + (one["paused"].get<bool>() ? " (paused)" : ""),
               text_of(one, "alerts"), join(one["steps"]),
               fmt::format("{} per {}, {} apart", number_of(one["budget"], "runs"),
                           human_duration(number_of(one["budget"], "per_seconds")),
                           human_duration(number_of(one, "cooldown_seconds")))});
  }
  return table.empty() ? "no remedies\n" : table.to_string();
}

std::string why_text(const Json& why) {
  std::string text;
  for (const Json& rule : why["rules"]) {
    text += fmt::format("rule {} in group {} of {}\n  {}\n", text_of(why, "name"), text_of(rule, "group"),
                        text_of(rule, "file"), text_of(rule, "expr"));
    if (const std::string error = text_of(rule, "error"); !error.empty()) text += "  fails: " + error + '\n';
  }
  if (!why["rules"].empty() && why["alerts"].empty())
    text += "  not firing: its expression yields nothing now\n";
  for (const Json& alert : why["alerts"]) {
    text += fmt::format("alert {} for {}{}\n", text_of(alert, "state"),
                        human_duration(number_of(alert, "active_seconds")),
                        alert["held"].get<bool>() ? ", held: the source of its series fails" : "");
    text += "  " + alert["labels"].dump() + '\n';
  }
  for (const Json& remedy : why["remedies"]) {
    text += fmt::format("remedy {} ({}) on {}\n", text_of(remedy, "name"), text_of(remedy, "mode"),
                        text_of(remedy, "alerts"));
    if (remedy["decisions"].empty()) text += "  no firing or pending alert matches it now\n";
    for (const Json& decision : remedy["decisions"]) {
      const bool firing = text_of(decision["alert"], "state") == "firing";
      text += fmt::format(
          "  on '{}' for {}: {}\n", text_of(decision, "target"), text_of(decision["alert"], "name"),
          firing ? decision_text(decision["decision"]) : "does not act: the alert is pending");
    }
  }
  if (!why["rules"].empty() && why["remedies"].empty()) text += "no remedy is triggered by its alerts now\n";
  if (!why["runs"].empty()) text += "last runs\n" + runs_table(why["runs"]);
  return text;
}

std::string plan_text(const Json& plan) {
  std::string text = text_of(plan, "summary") + '\n';
  Table table({"WHAT", "BYTES", "NOTE"});
  std::size_t shown = 0;
  for (const Json& item : plan["items"]) {
    if (++shown > 30) break;
    const double bytes = number_of(item, "bytes");
    table.add({text_of(item, "what"), bytes > 0 ? format_bytes(static_cast<std::uint64_t>(bytes)) : "-",
               text_of(item, "note")});
  }
  if (!table.empty()) text += table.to_string();
  if (plan["items"].size() > 30) text += fmt::format("... and {} more\n", plan["items"].size() - 30);
  return text;
}

std::string remedy_plan_text(const Json& plan) {
  std::string text = fmt::format("remedy {} on '{}': {}\n", text_of(plan, "remedy"), text_of(plan, "target"),
                                 decision_text(plan));
  for (const Json& step : plan["steps"]) {
    text += "step " + text_of(step, "action") + ": ";
    text += step["plan"].is_null() ? "cannot: " + text_of(step, "error") + '\n' : plan_text(step["plan"]);
  }
  return text;
}

}  // namespace chiron::agent
