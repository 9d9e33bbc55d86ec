#include "agent/cli_client.h"

#include "agent/control.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <fmt/format.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

constexpr Duration kAnswerWithin = std::chrono::seconds(30);
/// Where root's agent keeps its state.
constexpr const char* kHostStorage = "/var/lib/chiron";

/// 2026-01-31T23:59:59.123Z -> 2026-01-31 23:59:59
std::string short_time(std::string text) {
  if (text.size() < 19) return text;
  text.resize(19);
  text[10] = ' ';
  return text;
}

}  // namespace

Result<std::string> storage_path(const SettingOptions& options) {
  DiagnosticSink sink;
  const Config config = load_config(options.given(), process_environment(), sink);
  // A faulty file does not keep anybody from asking the running agent.
  const SettingValue& given = config.settings.value("storage.path");
  const std::string& path = given.values.front();
  // One that cannot be read may have named another agent.
  for (const Diagnostic& fault : sink.all()) {
    const bool unread = fault.code == "unreadable" && fault.file == config.file;
    if (unread && given.source == "default") {
      return Error(ErrorCode::invalid_argument, config.file + ": " + fault.message);
    }
  }
  if (path.empty()) return Error(ErrorCode::invalid_argument, "--storage.path: a path is missing here");
  // Members of group chiron ask the host's agent unless they run one of their own.
  const bool own = given.source != "default" || ::access(path.c_str(), F_OK) == 0;
  if (!own && ::access(kHostStorage, F_OK) == 0) return std::string(kHostStorage);
  return path;
}

Result<Json> ask_agent(const SettingOptions& options, const Json& request) {
  const auto storage = storage_path(options);
  if (!storage.ok()) return storage.error();
  const auto reply = control_request(control_socket_path(*storage), dump(request), kAnswerWithin);
  if (!reply.ok()) return reply.error();
  const Json json = Json::parse(*reply, nullptr, false);
  if (!field(json, "ok").is_boolean()) {
    return Error(ErrorCode::corrupt, "the agent's answer is not what this version of chiron understands");
  }
  if (!flag_of(json, "ok")) return Error(ErrorCode::failed_precondition, text_of(json, "error"));
  return field(json, "data");
}

std::string runs_table(const Json& runs) {
  Table table({"RUN", "STARTED (UTC)", "REMEDY", "TARGET", "OUTCOME", "TOOK", "DETAIL"});
  for (const Json& run : runs) {
    const std::string remedy = text_of(run, "remedy");
    table.add({text_of(run, "id"), short_time(text_of(run, "started")), remedy.empty() ? "(action)" : remedy,
               text_of(run, "target"), text_of(run, "state"),
               field(run, "duration_seconds").is_number() ? human_duration(number_of(run, "duration_seconds"))
                                                          : "-",
               run_detail(run)});
  }
  return table.to_string();
}

std::string run_text(const Json& run) {
  std::string text = fmt::format("run {}: {}", text_of(run, "id"), text_of(run, "state"));
  if (const std::string reason = line_of(run, "reason"); !reason.empty()) text += ": " + reason;
  text += '\n';
  const auto line = [&text](const char* name, const std::string& value) {
    // What a program wrote goes on below, and not where a line of Chiron's own would begin.
    std::string indented = value;
    for (std::size_t at = 0; (at = indented.find('\n', at)) != std::string::npos; at += 12)
      indented.insert(at + 1, 11, ' ');
    if (!value.empty()) text += fmt::format("  {:8} {}\n", name, indented);
  };
  line("remedy", text_of(run, "remedy"));
  line("target", text_of(run, "target"));
  line("mode", text_of(run, "mode"));
  line("started", short_time(text_of(run, "started")) + " UTC");
  line("alert", text_of(run, "alert"));
  line("by", text_of(run, "requested_by"));
  for (const Json& step : field(run, "steps")) {
    const std::string outcome = text_of(step, "outcome");
    line("step",
         text_of(step, "action") + ": " +
             (outcome.empty() ? "running"
                              : outcome + " after " + human_duration(number_of(step, "duration_seconds"))));
    line("", text_of(step, "detail"));
    line("", freed_text(step));
  }
  return text;
}

}  // namespace chiron::agent
