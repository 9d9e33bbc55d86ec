#include "remediation/actions/container.h"

#include "remediation/actions/rolling.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using Verdict = ContainerJudgement::Verdict;

constexpr Duration kLongestGrace = std::chrono::minutes(10);

std::string_view past_of(ContainerVerb verb) {
  switch (verb) {
    case ContainerVerb::start:
      return "started";
    case ContainerVerb::stop:
      return "stopped";
    case ContainerVerb::restart:
      return "restarted";
    case ContainerVerb::kill:
      return "killed";
  }
  return "";
}

void declare_socket(Arguments& arguments, std::string* socket) {
  arguments.add("socket", socket, Need::optional,
                "Unix socket of the engine; by default the one of collectors.containers.socket, or of Docker "
                "and Podman, that has the container");
}

void declare_grace(Arguments& arguments, Duration* grace) {
  arguments.add("grace", grace, Need::optional, "time between the stop signal and SIGKILL");
}

Status check_common(const std::string& socket, Duration grace) {
  if (!socket.empty() && !socket.starts_with('/')) {
    return Error(ErrorCode::invalid_argument, "socket: not an absolute path");
  }
  if (grace < Duration::zero() || grace > kLongestGrace) {
    return Error(ErrorCode::invalid_argument, "grace: from 0s to 10m");
  }
  return {};
}

PlanItem item_of(const ContainerDetail& container) {
  return {.what = "container " + container.name, .note = describe(container)};
}

}  // namespace

void ContainerAction::declare(Arguments& arguments) {
  arguments.add("container", &container_, Need::required, "name or id of the container");
  declare_socket(arguments, &socket_);
  if (verb_ == ContainerVerb::kill) {
    arguments.add("signal", &signal_, Need::optional, "the signal to send",
                  {"SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGHUP", "SIGUSR1", "SIGUSR2"});
  } else if (verb_ != ContainerVerb::start) {
    declare_grace(arguments, &grace_);
  }
}

Status ContainerAction::validate() const {
  if (Status good = check_container_name(container_); !good) return good;
  return check_common(socket_, grace_);
}

Result<Plan> ContainerAction::plan(ActionContext& context) {
  const Result<std::string> socket = find_engine_of(context, socket_, container_);
  if (!socket) return socket.error();
  const ContainerWork work(context, *socket);
  const Result<ContainerDetail> container = work.find(container_);
  if (!container) return container.error();
  const Result<ContainerJudgement> judgement = work.judge(verb_, *container);
  if (!judgement) return judgement.error();
  Plan plan;
  plan.objects = judgement->verdict == Verdict::act ? 1 : 0;
  plan.items.push_back(item_of(*container));
  plan.items.back().objects = plan.objects;
  const std::string what = judgement->verdict == Verdict::act ? fmt::format("{} container", to_string(verb_))
                           : judgement->verdict == Verdict::nothing_to_do ? "nothing to do for container"
                                                                          : "leave alone container";
  plan.summary = fmt::format("{} {}: it {}", what, container->name, judgement->reason);
  return plan;
}

Status ContainerAction::run(ActionContext& context, Report& report) {
  const Result<std::string> socket = find_engine_of(context, socket_, container_);
  if (!socket) return socket.error();
  const ContainerWork work(context, *socket);
  const Result<ContainerDetail> container = work.find(container_);
  if (!container) return container.error();
  const Result<ContainerJudgement> judgement = work.judge(verb_, *container);
  if (!judgement) return judgement.error();
  if (judgement->verdict == Verdict::nothing_to_do) {
    report.summary = fmt::format("nothing to do for container {}: it {}", container->name, judgement->reason);
    return {};
  }
  if (judgement->verdict == Verdict::leave_alone) return leave_alone(*container, judgement->reason, report);
  Status done =
      work.act({.verb = verb_, .name = container_, .grace = grace_, .signal = signal_}, *container, report);
  if (!done) return done;
  report.summary = fmt::format("{} container {}", past_of(verb_), container->name);
  return {};
}

void ContainerRollingRestart::declare(Arguments& arguments) {
  arguments.add("labels", &labels_, Need::optional,
                "labels that the containers have, all of them: {com.docker.compose.project: shop}");
  arguments.add("containers", &containers_, Need::optional,
                "instead of labels: their names or ids, restarted in this order");
  arguments.mark_subject("labels");
  arguments.mark_subject("containers");
  declare_socket(arguments, &socket_);
  declare_grace(arguments, &grace_);
  arguments.add("pause", &pause_, Need::optional,
                "time between one container's return and the next one's restart");
}

Status ContainerRollingRestart::validate() const {
  if (labels_.empty() == containers_.empty())
    return Error(ErrorCode::invalid_argument, "give either labels or containers, at least one");
  for (const std::string& name : containers_) {
    if (Status good = check_container_name(name); !good) return good;
  }
  for (const auto& [name, value] : labels_) {
    if (name.empty()) return Error(ErrorCode::invalid_argument, "labels: a label has no name");
  }
  if (pause_ < Duration::zero()) return Error(ErrorCode::invalid_argument, "pause: a negative time");
  return check_common(socket_, grace_);
}

Result<std::string> ContainerRollingRestart::socket(const ActionContext& context) const {
  if (!socket_.empty()) return context.paths.root(socket_);
  const Result<std::vector<std::string>> sockets = engines_of(context);
  if (!sockets) return sockets.error();
  if (sockets->size() == 1) return sockets->front();
  return Error(ErrorCode::failed_precondition, "several container engines are here; say which with `socket`");
}

Result<std::vector<ContainerDetail>> ContainerRollingRestart::select(const ContainerWork& work,
                                                                     const ActionContext& context) const {
  if (!containers_.empty()) return select_named(work);
  const Result<std::vector<std::string>> ids = work.engine().list(work.wait());
  if (!ids) return ids.error();
  std::vector<ContainerDetail> selected;
  for (const std::string& id : *ids) {
    Result<ContainerDetail> container = work.engine().inspect(id, work.wait());
    if (!container && container.error().code() == ErrorCode::not_found) continue;
    if (!container) return std::move(container).error();
    const bool has_all = std::ranges::all_of(labels_, [&](const auto& label) {
      return std::ranges::find(container->labels, label) != container->labels.end();
    });
    if (!has_all || container->state != "running") continue;
    if (Status allowed = check_container_not_denied(context.paths, *container); !allowed) {
      return std::move(allowed).error();
    }
    selected.push_back(*std::move(container));
  }
  std::ranges::sort(selected, {}, &ContainerDetail::name);
  return selected;
}

/// Those that run; what somebody stopped stays stopped.
Result<std::vector<ContainerDetail>> ContainerRollingRestart::select_named(const ContainerWork& work) const {
  std::vector<ContainerDetail> selected;
  for (const std::string& name : containers_) {
    Result<ContainerDetail> container = work.find(name);
    if (!container) return std::move(container).error();
    const bool known = std::ranges::find(selected, container->id, &ContainerDetail::id) != selected.end();
    if (container->state == "running" && !known) selected.push_back(*std::move(container));
  }
  return selected;
}

Result<Plan> ContainerRollingRestart::plan(ActionContext& context) {
  const Result<std::string> path = socket(context);
  if (!path) return path.error();
  const Result<std::vector<ContainerDetail>> selected = select(ContainerWork(context, *path), context);
  if (!selected) return selected.error();
  Plan plan;
  plan.objects = selected->size();
  for (const ContainerDetail& container : *selected) {
    if (plan.items.size() < 200) plan.items.push_back(item_of(container));
  }
  plan.summary = fmt::format("restart {} containers one after the other", selected->size());
  return plan;
}

Status ContainerRollingRestart::run(ActionContext& context, Report& report) {
  const Result<std::string> path = socket(context);
  if (!path) return path.error();
  const ContainerWork work(context, *path);
  const Result<std::vector<ContainerDetail>> selected = select(work, context);
  if (!selected) return selected.error();
  if (selected->empty()) {
    report.summary = "nothing to do: none of these containers runs";
    return {};
  }
  std::vector<RollingMember> members;
  for (const ContainerDetail& container : *selected) {
    members.push_back({container.name, [&](Report& one) {
                         return work.act(
                             {.verb = ContainerVerb::restart, .name = container.id, .grace = grace_},
                             container, one);
                       }});
  }
  return restart_one_by_one(context, "containers", members, pause_, report);
}

}  // namespace chiron::remediation
