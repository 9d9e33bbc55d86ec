#include "remediation/actions/container_policy.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <algorithm>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using Verdict = ContainerJudgement::Verdict;

/// Exit codes above this are signals, as shells count.
constexpr int kSignalBase = 128;

ContainerJudgement leave(std::string reason) { return {Verdict::leave_alone, std::move(reason)}; }
ContainerJudgement act(std::string reason) { return {Verdict::act, std::move(reason)}; }

bool is_running(const ContainerDetail& container) {
  return container.state == "running" || container.state == "paused";
}

/// By its number, as events have it: what a signal does that no program handles, SIGHUP apart, which mostly
/// asks for a new look at the configuration. Podman tells of no number.
bool ends_a_process(std::string_view signal) {
  constexpr std::string_view kEnding[] = {"", "2", "3", "6", "9", "15"};
  return std::ranges::find(kEnding, signal) != std::end(kEnding);
}

ContainerJudgement judge_ended(const ContainerDetail& container, StopRequest stop) {
  const std::string how = fmt::format("ended with exit code {}", container.exit_code);
  const bool starved = container.oom_killed && container.exit_code == kSignalBase + SIGKILL;
  if (stop == StopRequest::requested) return leave(how + " when somebody asked for its stop");
  if (starved) return act("was killed for want of memory");
  if (container.restart_policy == "always" || container.restart_policy == "unless-stopped") {
    return leave(
        fmt::format("{} and its restart policy is {}: the engine would have started it again, had not "
                    "somebody stopped it",
                    how, container.restart_policy));
  }
  if (container.exit_code == 0) return leave(how + ": it ended by itself, and well");
  for (const int number : {SIGTERM, SIGINT, SIGKILL}) {
    if (container.exit_code == kSignalBase + number)
      return leave(how + ": as after a stop that somebody asked for");
  }
  if (stop == StopRequest::unknown) {
    return leave(how + ", and the engine does not remember whether somebody asked for it");
  }
  return act(how);
}

Error denied(const ContainerDetail& container) {
  return {ErrorCode::permission_denied,
          fmt::format("container {} is never touched: it is Chiron itself", container.name)};
}

/// The engines mount these from the container's own directory: ".../containers/ID/hostname". On the host
/// other mounts there name every container's id. proc(5): the fourth field is the directory, the fifth where
/// it is.
bool is_mounted_into(std::string_view mounts, std::string_view id) {
  constexpr std::string_view kFiles[] = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};
  std::string_view line;
  while (next_line(mounts, line)) {
    std::string_view field, root;
    for (int i = 0; i < 5; ++i) {
      root = field;
      if (!next_word(line, field)) break;
    }
    const bool own = std::ranges::find(kFiles, field) != std::end(kFiles);
    if (own && root.find(id) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(ContainerVerb verb) {
  switch (verb) {
    case ContainerVerb::start:
      return "start";
    case ContainerVerb::stop:
      return "stop";
    case ContainerVerb::restart:
      return "restart";
    case ContainerVerb::kill:
      return "kill";
  }
  return "";
}

Status check_container_name(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool good =
      !name.empty() && name.size() <= 255 && is_alnum(name.front()) &&
      std::ranges::all_of(name, [&](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
  if (good) return {};
  return Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not the name of a container", name));
}

Status check_container_not_denied(const HostPaths& paths, const ContainerDetail& container) {
  const Result<std::string> own = read_file(paths.proc("self/cgroup"), 64 << 10);
  if (own && own->find(container.id) != std::string::npos) return denied(container);
  // Behind a cgroup namespace the group is "/".
  const Result<std::string> mounts = read_file(paths.proc("self/mountinfo"), 4 << 20);
  if (mounts && is_mounted_into(*mounts, container.id)) return denied(container);
  // Without a name of its own a container has the beginning of its id for one.
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0 && is_container_id(host) && container.id.starts_with(host)) {
    return denied(container);
  }
  return {};
}

StopRequest stop_request_of(std::span<const ContainerEvent> events, WallTime now) {
  constexpr double kSurvived = 600;
  bool asked = false, ended = false;
  double asked_at = 0;
  for (const ContainerEvent& event : events) {
    if (event.action == "start") {
      asked = ended = false;
    } else if (event.action == "stop" || (event.action == "kill" && ends_a_process(event.signal))) {
      asked = true;
      asked_at = event.time;
    } else if (event.action == "die" || event.action == "died") {
      // Of a signal long ago it did not die.
      asked = asked && event.time - asked_at < kSurvived;
      ended = true;
    }
  }
  const double age = static_cast<double>(to_ms(now)) / 1000 - asked_at;
  if (asked && (ended || age < kSurvived)) return StopRequest::requested;
  return ended ? StopRequest::none : StopRequest::unknown;
}

bool depends_on_stop_request(ContainerVerb verb, const ContainerDetail& container) {
  const bool starts = verb == ContainerVerb::start || verb == ContainerVerb::restart;
  return starts && container.started_at > 0 &&
         (container.state == "running" || container.state == "exited" || container.state == "stopped");
}

ContainerJudgement judge(ContainerVerb verb, const ContainerDetail& container,
                         ContainerCircumstances circumstances) {
  const bool manual = circumstances.manual;
  if (container.state == "removing") return leave("is being removed");
  if (verb == ContainerVerb::stop || verb == ContainerVerb::kill) {
    const bool up = is_running(container) || container.state == "restarting";
    return {up ? Verdict::act : Verdict::nothing_to_do, "is " + container.state};
  }
  if (container.state == "restarting" && !manual) {
    return leave("is about to be restarted by the engine: that is its turn first");
  }
  if (container.state == "paused" && !manual) return leave("was paused by somebody");
  if (container.state == "dead") return leave("is dead: the engine could not remove it whole");
  if (is_running(container) && !manual && circumstances.stop == StopRequest::requested) {
    return leave("is being stopped: somebody asked for it");
  }
  if (is_running(container)) {
    return {verb == ContainerVerb::start ? Verdict::nothing_to_do : Verdict::act, "is " + container.state};
  }
  if (manual) return act("is " + container.state);
  if (container.started_at <= 0) return leave("was never started");
  return judge_ended(container, circumstances.stop);
}

}  // namespace chiron::remediation
