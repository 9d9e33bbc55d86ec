#include "remediation/actions/container_work.h"

#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

using Verdict = ContainerJudgement::Verdict;

/// How often a container's state is looked at while something is waited for.
constexpr Duration kLook = std::chrono::milliseconds(200);
/// How long a container without a health check must stay up.
constexpr Duration kSettle = std::chrono::seconds(1);

bool is_up(const ContainerDetail& container) { return container.state == "running"; }

bool ends_a_process(std::string_view signal) {
  return signal == "SIGKILL" || signal == "SIGTERM" || signal == "SIGINT" || signal == "SIGQUIT" ||
         signal == "SIGABRT";
}

}  // namespace

std::string describe(const ContainerDetail& container) {
  if (!container.health.empty() && is_up(container)) return container.state + ", " + container.health;
  if (is_up(container) || container.started_at <= 0) return container.state;
  std::string text = fmt::format("{} ({})", container.state, container.exit_code);
  if (!container.error.empty()) text += ": " + container.error;
  return text;
}

Error leave_alone(const ContainerDetail& container, std::string_view reason, Report& report) {
  report.left_alone = true;
  return {ErrorCode::failed_precondition,
          fmt::format("container {} is left alone: it {}", container.name, reason)};
}

BootTime ContainerWork::deadline() const {
  return system_clock().boot() + std::min(context_.remaining(), kLongestWait);
}

Result<ContainerDetail> ContainerWork::find(const std::string& name) const {
  if (Status good = check_container_name(name); !good) return std::move(good).error();
  Result<ContainerDetail> found = engine_.inspect(name, wait());
  if (!found) return found;
  // The engines also find by the beginning of an id, which may be somebody's name tomorrow.
  if (found->name != name && !found->id.starts_with(name)) {
    return Error(ErrorCode::not_found,
                 fmt::format("container {}: the engine answered of {}", name, found->name));
  }
  if (Status allowed = check_container_not_denied(context_.paths, *found); !allowed) {
    return std::move(allowed).error();
  }
  return found;
}

Result<ContainerJudgement> ContainerWork::judge(ContainerVerb verb, const ContainerDetail& container) const {
  ContainerCircumstances circumstances{.manual = context_.manual};
  if (!context_.manual && depends_on_stop_request(verb, container)) {
    // Ends and starts are the engine's own times, as those of its events are.
    const auto since = static_cast<std::int64_t>(container.started_at);
    const WallTime now = system_clock().wall();
    const Result<std::vector<ContainerEvent>> events = engine_.past_events(container.id, since, now, wait());
    if (!events) return events.error();
    circumstances.stop = stop_request_of(*events, now);
  }
  return remediation::judge(verb, container, circumstances);
}

Status ContainerWork::judge_again(const Request& request, const ContainerDetail& judged,
                                  Report& report) const {
  const Result<ContainerDetail> now = find(request.name);
  if (!now) return now.error();
  if (now->id != judged.id) return leave_alone(judged, "is another container of that name now", report);
  if (now->started_at != judged.started_at)
    return leave_alone(judged, "was started by somebody else meanwhile", report);
  const Result<ContainerJudgement> judgement = judge(request.verb, *now);
  if (!judgement) return judgement.error();
  return judgement->verdict == Verdict::act ? Status() : leave_alone(judged, judgement->reason, report);
}

template <class Done>
Result<ContainerDetail> ContainerWork::follow(const std::string& id, Done done) const {
  for (;;) {
    Result<ContainerDetail> now = engine_.inspect(id, wait());
    if (!now || done(*now)) return now;
    if (context_.cancel.wait_for(std::min(kLook, std::max(context_.remaining(), Duration::zero())))) {
      return Error(ErrorCode::cancelled,
                   fmt::format("container {}: cancelled while it was {}", now->name, describe(*now)));
    }
    if (context_.remaining() <= Duration::zero()) {
      return Error(ErrorCode::timed_out, fmt::format("container {}: still {} when the step's time was over",
                                                     now->name, describe(*now)));
    }
  }
}

Status ContainerWork::act(const Request& request, const ContainerDetail& judged, Report& report) const {
  if (Status same = judge_again(request, judged, report); !same) return same;
  std::string target = fmt::format("/containers/{}/{}", judged.id, to_string(request.verb));
  if (request.verb == ContainerVerb::kill) {
    target += "?signal=" + request.signal;
  } else if (request.verb != ContainerVerb::start) {
    target += fmt::format("?t={}", std::chrono::ceil<std::chrono::seconds>(request.grace).count());
  }
  report.facts.emplace_back("container_id", judged.id);
  report.facts.emplace_back("state_before", describe(judged));
  const Result<std::string> done = engine_.request({.method = "POST", .target = target}, wait());
  if (!done) return Error(done.error()).wrap(fmt::format("{} {}", to_string(request.verb), judged.name));
  const bool ends = request.verb == ContainerVerb::stop || request.verb == ContainerVerb::kill;
  return ends ? see_ended(request, judged, report) : see_up(judged, report);
}

Status ContainerWork::see_ended(const Request& request, const ContainerDetail& before, Report& report) const {
  const bool must_end = request.verb == ContainerVerb::stop || ends_a_process(request.signal);
  const Result<ContainerDetail> after = follow(before.id, [&](const ContainerDetail& now) {
    return !must_end || !is_up(now) || now.started_at != before.started_at;
  });
  // Made to be removed when it ends.
  if (!after && after.error().code() == ErrorCode::not_found && before.auto_remove) return {};
  if (!after) return after.error();
  report.facts.emplace_back("state_after", describe(*after));
  if (!is_up(*after)) report.facts.emplace_back("exit_code", std::to_string(after->exit_code));
  if (request.verb == ContainerVerb::kill || !is_up(*after)) return {};
  return Error(ErrorCode::unavailable,
               fmt::format("stop {}: the engine stopped it, but it is up again", before.name));
}

Status ContainerWork::see_up(const ContainerDetail& before, Report& report) const {
  const BootTime settled = context_.clock.boot() + kSettle;
  std::optional<double> started;
  const Result<ContainerDetail> after = follow(before.id, [&](const ContainerDetail& now) {
    if (!is_up(now) || now.started_at == before.started_at) return true;
    if (started && *started != now.started_at) return true;
    started = now.started_at;
    if (now.health == "starting") return false;
    return !now.health.empty() || context_.clock.boot() >= settled;
  });
  if (!after) return after.error();
  report.facts.emplace_back("state_after", describe(*after));
  const auto failed = [&](std::string_view how) {
    return Error(ErrorCode::unavailable, fmt::format("container {}: {} ({}); see docker logs --tail 50 {}",
                                                     after->name, how, describe(*after), after->name));
  };
  if (!is_up(*after)) return failed("it did not stay up");
  if (after->started_at == before.started_at) return failed("it was not started anew");
  if (started && *started != after->started_at) return failed("it ended and the engine started it again");
  if (!after->health.empty() && after->health != "healthy") return failed("it is up and not healthy");
  return {};
}

Result<std::vector<std::string>> engines_of(const ActionContext& context) {
  const std::vector<std::string> given(context.container_sockets.begin(), context.container_sockets.end());
  std::vector<std::string> found = find_engine_sockets(context.paths, given);
  if (!found.empty()) return found;
  return Error(ErrorCode::unavailable,
               given.empty()
                   ? "no container engine on this host: neither Docker's nor Podman's socket is there"
                   : fmt::format("no container engine: none of collectors.containers.socket ({}) is "
                                 "there",
                                 fmt::join(given, ", ")));
}

Result<std::string> find_engine_of(ActionContext& context, const std::string& socket,
                                   const std::string& name) {
  if (!socket.empty()) return context.paths.root(socket);
  const Result<std::vector<std::string>> sockets = engines_of(context);
  if (!sockets) return sockets.error();
  if (sockets->size() == 1) return sockets->front();
  std::vector<std::string> having;
  std::optional<Error> failure;
  for (const std::string& each : *sockets) {
    const Result<ContainerDetail> found = ContainerWork(context, each).find(name);
    if (found) having.push_back(each);
    if (!found && (!failure || failure->code() == ErrorCode::not_found)) failure = found.error();
  }
  if (having.size() == 1) return having.front();
  if (having.empty()) return *failure;
  return Error(ErrorCode::failed_precondition,
               fmt::format("container {}: {} and {} both have one of that name; say which with `socket`",
                           name, having[0], having[1]));
}

}  // namespace chiron::remediation
