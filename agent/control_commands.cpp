#include "agent/control_commands.h"

#include "agent/action_arguments.h"
#include "agent/json_views.h"
#include "agent/plan_json.h"
#include "agent/report.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/parse.h"

namespace chiron::agent {

struct ControlCommands::Call {
  std::string command;
  Json arguments;
  const Peer* peer = nullptr;

  std::string text(const char* name) const {
    const auto it = arguments.find(name);
    return it != arguments.end() && it->is_string() ? it->get<std::string>() : std::string();
  }
  bool flag(const char* name) const {
    const auto it = arguments.find(name);
    return it != arguments.end() && it->is_boolean() && it->get<bool>();
  }
};

namespace {

std::string reply(const Result<std::string>& result) {
  if (result.ok()) return "{\"ok\":true,\"data\":" + (result->empty() ? "null" : *result) + '}';
  return dump(
      {{"ok", false}, {"code", to_string(result.error().code())}, {"error", result.error().to_string()}});
}

Result<std::string> done(const Status& status) {
  if (!status.ok()) return status.error();
  return std::string("null");
}

}  // namespace

std::string ControlCommands::handle(const std::string& request, const Peer& peer) {
  try {
    Call call;
    call.arguments = Json::parse(request, nullptr, false);
    call.peer = &peer;
    if (!call.arguments.is_object()) {
      return reply(Error(ErrorCode::invalid_argument, "a request is one JSON object on one line"));
    }
    call.command = call.text("command");
    return reply(dispatch(call));
  } catch (const std::exception& fault) {
    log_.error("control request failed", {{"error", fault.what()}});
    return R"({"ok":false,"code":"internal","error":"the agent failed at this request; its log says more"})";
  }
}

Result<std::string> ControlCommands::dispatch(const Call& call) {
  static constexpr std::array<std::string_view, 9> kChanges{"run.approve",  "run.reject",    "remedy.run",
                                                            "remedy.pause", "remedy.resume", "remedy.reset",
                                                            "action.run",   "run.cancel",    "reload"};
  if (std::find(kChanges.begin(), kChanges.end(), call.command) == kChanges.end()) return read(call);
  auto result = change(call);
  log_.info("control request", {{"command", call.command},
                                {"user", call.peer->user},
                                {"pid", call.peer->pid},
                                {"remedy", call.text("remedy")},
                                {"target", call.text("target")},
                                {"outcome", result.ok() ? "done" : result.error().to_string()}});
  return result;
}

Result<std::string> ControlCommands::read(const Call& call) {
  const std::string& command = call.command;
  if (command == "status") return views_.status();
  if (command == "health") return views_.health();
  if (command == "remedies") return views_.remedies();
  if (command == "collectors") return views_.collectors();
  if (command == "why") return views_.why(call.text("name"));
  if (command == "run") return views_.run(call.text("id"));
  if (command == "query") {
    promapi::Params::Pairs parameters;
    for (const char* name : {"query", "time", "start", "end", "step", "timeout"}) {
      if (std::string text = call.text(name); !text.empty()) parameters.emplace_back(name, std::move(text));
    }
    return api_.query(std::move(parameters), call.peer->gone);
  }
  if (command == "report") {
    const auto request = parse_report_request(call.text("format"), call.text("period"));
    if (!request.ok()) return request.error();
    const auto text = views_.report(request->format, request->period);
    return text.ok() ? Result<std::string>(dump(Json(*text))) : text.error();
  }
  if (command == "remedy.plan") {
    const auto plan = remediator_.plan(call.text("remedy"), call.text("target"));
    if (!plan.ok()) return plan.error();
    return plan_json(*plan);
  }
  if (command == "action.plan") {
    const auto arguments =
        action_arguments(call.text("action"), call.arguments.value("arguments", Json::object()));
    if (!arguments.ok()) return arguments.error();
    const auto plan = remediator_.plan_action(call.text("action"), *arguments);
    if (!plan.ok()) return plan.error();
    return plan_json(*plan);
  }
  return Error(ErrorCode::invalid_argument,
               "unknown command '" + command + "'; the agent may be older than this client");
}

Result<std::string> ControlCommands::resume(const std::string& remedy) {
  const auto remedies = remediator_.remedies();
  std::vector<std::string_view> names;
  for (const auto& one : remedies) names.push_back(one.name);
  const bool known = remedy.empty() || std::find(names.begin(), names.end(), remedy) != names.end();
  // One that a reload took away while it was paused can be resumed too.
  if (!known && !remediator_.paused(remedy)) {
    const std::string near = closest(remedy, names);
    return Error(ErrorCode::not_found,
                 "there is no remedy " + remedy + (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  if (const Status resumed = remediator_.resume(remedy); !resumed.ok()) return resumed.error();
  return pause_state(remedy);
}

Result<std::string> ControlCommands::pause_state(const std::string& remedy) const {
  const auto paused = remediator_.paused(remedy);
  return dump({{"remedy", remedy}, {"paused", paused ? Json(paused->detail) : Json()}});
}

Result<std::string> ControlCommands::change(const Call& call) {
  const std::string& command = call.command;
  if (command == "reload") {
    const auto waiting = reload_();
    if (!waiting.ok()) return waiting.error();
    return dump(Json{{"wait_for_restart", *waiting}});
  }
  if (command == "remedy.run") {
    remediation::RunRequest request;
    request.remedy = call.text("remedy");
    request.target = call.text("target");
    request.trigger = "manual";
    request.requested_by = call.peer->user;
    request.dry_run = call.flag("dry_run");
    const auto id = remediator_.request(std::move(request), call.flag("force"));
    if (!id.ok()) return id.error();
    return dump(Json(*id));
  }
  if (command == "action.run") {
    auto arguments = action_arguments(call.text("action"), call.arguments.value("arguments", Json::object()));
    if (!arguments.ok()) return arguments.error();
    const auto id = remediator_.run_action(call.text("action"), *std::move(arguments), call.peer->user);
    if (!id.ok()) return id.error();
    return dump(Json(*id));
  }
  if (command == "remedy.pause") {
    std::optional<Duration> length;
    if (const std::string text = call.text("for"); !text.empty()) {
      const auto parsed = parse_duration(text);
      if (!parsed.ok()) return parsed.error();
      length = *parsed;
    }
    const Status paused = remediator_.pause(call.text("remedy"), length);
    return paused.ok() ? pause_state(call.text("remedy")) : paused.error();
  }
  if (command == "remedy.resume") return resume(call.text("remedy"));
  if (command == "remedy.reset") {
    return done(remediator_.reset(call.text("remedy"), call.text("target"), call.peer->user));
  }
  if (command == "run.approve") {
    const auto id = remediator_.approve(call.text("id"), call.peer->user);
    return id.ok() ? Result<std::string>(dump(Json(*id))) : id.error();
  }
  if (command == "run.reject") return done(remediator_.reject(call.text("id"), call.peer->user));
  if (command == "run.cancel") {
    if (remediator_.cancel(call.text("id"))) return std::string("null");
    return Error(ErrorCode::not_found, "no run '" + call.text("id") + "' is active");
  }
  return Error(ErrorCode::internal, "command without a handler");
}

}  // namespace chiron::agent
