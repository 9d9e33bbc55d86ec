#include "remediation/actions/container_policy.h"

#include "exporter/base/file.h"

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

ContainerJudgement judge_ended(const ContainerDetail& container) {
  const std::string how = fmt::format("ended with exit code {}", container.exit_code);
  if (container.oom_killed) return act("was killed for want of memory");
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
  return act(how);
}

Error denied(const ContainerDetail& container) {
  return {ErrorCode::permission_denied,
          fmt::format("container {} is never touched: it is Chiron itself", container.name)};
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
  if (container.name.starts_with("chiron")) return denied(container);
  const Result<std::string> own = read_file(paths.proc("self/cgroup"), 64 << 10);
  if (own && own->find(container.id) != std::string::npos) return denied(container);
  // Behind a cgroup namespace the group is "/"; the host name then is the beginning of the id.
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0 && is_container_id(host) && container.id.starts_with(host)) {
    return denied(container);
  }
  return {};
}

ContainerJudgement judge(ContainerVerb verb, const ContainerDetail& container, bool manual) {
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
  if (is_running(container)) {
    return {verb == ContainerVerb::start ? Verdict::nothing_to_do : Verdict::act, "is " + container.state};
  }
  if (manual) return act("is " + container.state);
  if (container.started_at <= 0) return leave("was never started");
  return judge_ended(container);
}

}  // namespace chiron::remediation
