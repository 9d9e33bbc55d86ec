#include "agent/cli_client.h"

#include "agent/control.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr Duration kAnswerWithin = std::chrono::seconds(30);

/// 2026-01-31T23:59:59.123Z -> 2026-01-31 23:59:59
std::string short_time(std::string text) {
  if (text.size() < 19) return text;
  text.resize(19);
  text[10] = ' ';
  return text;
}

std::string freed_of(const Json& json) {
  const double bytes = number_of(json, "freed_bytes");
  const double objects = number_of(json, "removed_objects");
  std::string text;
  if (bytes > 0) text = format_bytes(static_cast<std::uint64_t>(bytes)) + " freed";
  if (objects > 0) text += fmt::format("{}{} removed", text.empty() ? "" : ", ", objects);
  return text;
}

}  // namespace

Result<std::string> storage_path(const SettingOptions& options) {
  DiagnosticSink sink;
  const Config config = load_config(options.given(), process_environment(), sink);
  // A faulty file does not keep anybody from asking the running agent.
  return config.settings.text("storage.path");
}

Result<Json> ask_agent(const SettingOptions& options, Json request) {
  const auto storage = storage_path(options);
  if (!storage.ok()) return storage.error();
  const auto reply = control_request(control_socket_path(*storage), dump(request), kAnswerWithin);
  if (!reply.ok()) return reply.error();
  Json json = Json::parse(*reply, nullptr, false);
  if (!json.is_object() || !json.contains("ok"))
    return Error(ErrorCode::corrupt, "the agent's answer is no JSON object");
  if (!json["ok"].get<bool>()) return Error(ErrorCode::failed_precondition, text_of(json, "error"));
  return json["data"];
}

std::string text_of(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

double number_of(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_number() ? it->get<double>() : 0;
}

std::string bytes_of(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_number()) return "-";
  return format_bytes(static_cast<std::uint64_t>(it->get<double>()));
}

std::string runs_table(const Json& runs) {
  Table table({"RUN", "STARTED (UTC)", "REMEDY", "TARGET", "OUTCOME", "TOOK", "DETAIL"});
  for (const Json& run : runs) {
    const std::string freed = freed_of(run);
    const std::string reason = text_of(run, "reason");
    std::string detail = freed.empty() || reason.empty() ? freed + reason : freed + "; " + reason;
    if (const std::size_t newline = detail.find('\n'); newline != std::string::npos) detail.resize(newline);
    const std::string remedy = text_of(run, "remedy");
    table.add({text_of(run, "id"), short_time(text_of(run, "started")), remedy.empty() ? "(action)" : remedy,
               text_of(run, "target"), text_of(run, "state"),
               run["duration_seconds"].is_number() ? human_duration(number_of(run, "duration_seconds")) : "-",
               detail});
  }
  return table.to_string();
}

std::string run_text(const Json& run) {
  std::string text = fmt::format("run {}: {}", text_of(run, "id"), text_of(run, "state"));
  if (const std::string reason = text_of(run, "reason"); !reason.empty()) text += ": " + reason;
  text +=
      fmt::format("\n  remedy   {}\n  target   {}\n  mode     {}\n  started  {}\n", text_of(run, "remedy"),
                  text_of(run, "target"), text_of(run, "mode"), short_time(text_of(run, "started")));
  if (const std::string alert = text_of(run, "alert"); !alert.empty()) text += "  alert    " + alert + '\n';
  if (const std::string by = text_of(run, "requested_by"); !by.empty()) text += "  by       " + by + '\n';
  for (const Json& step : run["steps"]) {
    text += fmt::format("  step     {}: {} after {}\n", text_of(step, "action"), text_of(step, "outcome"),
                        human_duration(number_of(step, "duration_seconds")));
    if (const std::string detail = text_of(step, "detail"); !detail.empty())
      text += "           " + detail + '\n';
    if (const std::string freed = freed_of(step); !freed.empty()) text += "           " + freed + '\n';
  }
  return text;
}

}  // namespace chiron::agent
