#pragma once

#include "exporter/collectors/container_engine.h"
#include "remediation/actions/action.h"
#include "remediation/actions/container_policy.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

/// What is done to one container, on one engine, within a step. Every call ends at the step's deadline or
/// when it is cancelled. One thread.
class ContainerWork {
 public:
  ContainerWork(ActionContext& context, std::string socket) : context_(context), engine_(std::move(socket)) {}
  const ContainerEngine& engine() const { return engine_; }
  SocketWait wait() const {
    return {.deadline = deadline(), .wake_descriptor = context_.cancel.descriptor()};
  }

  /// By name or id; refuses what is denied.
  Result<ContainerDetail> find(const std::string& name) const;
  /// remediation::judge(), with what the engine remembers of a stop.
  Result<ContainerJudgement> judge(ContainerVerb verb, const ContainerDetail& container) const;

  struct Request {
    ContainerVerb verb = ContainerVerb::restart;
    std::string name;         ///< as it was found by
    Duration grace{};         ///< between the stop signal and SIGKILL
    std::string signal = {};  ///< of kill
  };
  /// Judges the container again right before it acts, by the same name, which must still lead to the same run
  /// of the same container; then acts on its full id, and returns when the result is known: stopped; or
  /// running anew and, where it has a health check, healthy. What it changed goes into `report`.
  Status act(const Request& request, const ContainerDetail& judged, Report& report) const;

 private:
  BootTime deadline() const;
  Status judge_again(const Request& request, const ContainerDetail& judged, Report& report) const;
  Status see_ended(const Request& request, const ContainerDetail& before, Report& report) const;
  Status see_up(const ContainerDetail& before, Report& report) const;
  /// Until `done` says so of the container's state; the last state.
  template <class Done>
  Result<ContainerDetail> follow(const std::string& id, Done done) const;

  ActionContext& context_;
  const ContainerEngine engine_;
};

/// The refusal of a step that leaves the container to somebody else; says so in `report`.
Error leave_alone(const ContainerDetail& container, std::string_view reason, Report& report);

/// The sockets of this host's engines that are there: ActionContext::container_sockets, or the usual ones.
/// unavailable when there is none.
Result<std::vector<std::string>> engines_of(const ActionContext& context);

/// The engine that has the container: the one at `socket`, or else the only one of this host that does.
Result<std::string> find_engine_of(ActionContext& context, const std::string& socket,
                                   const std::string& name);

/// "running, unhealthy", "exited (1)"
std::string describe(const ContainerDetail& container);

}  // namespace chiron::remediation
