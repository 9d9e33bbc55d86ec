#include "remediation/actions/unit_policy.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using Verdict = Judgement::Verdict;

struct DeniedPrefix {
  std::string_view prefix;
  std::string_view reason;
};
constexpr DeniedPrefix kDenied[] = {
    {"dbus.", "every service on the bus depends on it"},
    {"dbus-", "every service on the bus depends on it"},
    {"systemd-", "it is part of systemd"},
    {"init.", "it is part of systemd"},
    {"ssh.", "it is the way in for the operator"},
    {"ssh@", "it is the way in for the operator"},
    {"sshd", "it is the way in for the operator"},
    {"user@", "it holds a user's session"},
    {"user-runtime-dir@", "it holds a user's session"},
    {"emergency.", "it changes how the host runs"},
    {"rescue.", "it changes how the host runs"},
    {"chiron", "it is Chiron itself"},
};

constexpr std::string_view kKinds[] = {".service", ".socket", ".timer", ".path"};

Error denied(std::string_view name, std::string_view reason) {
  return {ErrorCode::permission_denied, fmt::format("{} is never touched: {}", name, reason)};
}

/// Units that a stop or restart may reach, more than any host has below one service.
constexpr std::size_t kMostDependents = 500;

Status check_prefixes(std::string_view name) {
  for (const DeniedPrefix& row : kDenied) {
    if (name.starts_with(row.prefix)) return denied(name, row.reason);
  }
  return {};
}

/// For a unit that is reached, not asked for: targets and mounts may be on the way, what matters is whom they
/// take along.
Status check_reached(const UnitState& unit) {
  if (unit.main_pid == static_cast<std::uint32_t>(::getpid())) return denied(unit.id, "it is Chiron itself");
  if (Status id = check_prefixes(unit.id); !id) return id;
  for (const std::string& alias : unit.names) {
    if (Status allowed = check_prefixes(alias); !allowed) return allowed;
  }
  return {};
}

bool is_down(const UnitState& unit) {
  return unit.active_state == "inactive" || unit.active_state == "failed";
}

bool is_up(const UnitState& unit) {
  return unit.active_state == "active" || unit.active_state == "reloading";
}

/// The unit was up, and began to stop before its main process ended: somebody asked for the stop (a job, a
/// dependency, RuntimeMaxSec). When a process ends by itself it is the other way round: systemd sees the end,
/// then leaves the active state. Both times are systemd's own, in microseconds of one clock.
bool stopped_on_request(const UnitState& unit) {
  return unit.active_exit_mono_us > unit.inactive_exit_mono_us &&
         unit.main_exit_mono_us > unit.active_exit_mono_us;
}

/// What systemd.service(5) takes for a clean end without SuccessExitStatus=.
bool ended_cleanly(const UnitState& unit) {
  if (unit.main_code == CLD_EXITED) return unit.main_status == 0;
  return unit.main_code == CLD_KILLED && (unit.main_status == SIGTERM || unit.main_status == SIGINT ||
                                          unit.main_status == SIGHUP || unit.main_status == SIGPIPE);
}

Judgement leave(std::string reason) { return {Verdict::leave_alone, std::move(reason), false}; }

Judgement judge_failed(const UnitState& unit) {
  const std::string state = fmt::format("failed ({})", unit.result);
  if (unit.result == "start-limit-hit") return {Verdict::act, state, true};
  // Ends that systemd brings about itself (watchdog, oom-kill) also begin with its leaving the active state.
  const bool by_itself = unit.result == "exit-code" || unit.result == "signal" || unit.result == "core-dump";
  if (by_itself && stopped_on_request(unit)) {
    return leave(state + ", but while it was being stopped on request; it stays stopped");
  }
  const bool was_up = unit.active_exit_mono_us > unit.inactive_exit_mono_us;
  if (unit.result == "timeout" && was_up)
    return leave(state + " while it was being stopped; it stays stopped");
  return {Verdict::act, state, false};
}

Judgement judge_inactive(const UnitState& unit, bool watched) {
  if (!watched) return leave("is inactive, not failed, and not watched (services: in the configuration)");
  if (unit.active_enter_mono_us == 0) {
    return leave("is inactive and systemd remembers no start of it: it may never have been meant to run");
  }
  if (unit.result != "success" && !unit.result.empty()) {
    return leave(
        fmt::format("is inactive with the result {}: somebody stopped it between restarts", unit.result));
  }
  if (unit.active_exit_mono_us < unit.inactive_exit_mono_us) return leave("was stopped while it started");
  if (stopped_on_request(unit)) return leave("was stopped on request");
  const bool ended_by_itself = unit.main_exit_mono_us >= unit.active_enter_mono_us &&
                               unit.main_exit_mono_us < unit.active_exit_mono_us;
  if (!ended_by_itself) return leave("is inactive, and nothing says that it ended by itself");
  if (!ended_cleanly(unit)) return leave("ended badly, and somebody reset its failed state since");
  return {Verdict::act, "is watched, and its process ended by itself", false};
}

/// What forbids any verb, or this one.
std::optional<Judgement> obstacle(UnitVerb verb, const UnitState& unit, bool manual) {
  if (unit.load_state == "masked") return leave("is masked: an operator forbids it to run");
  if (unit.load_state != "loaded") return leave(fmt::format("cannot be loaded ({})", unit.load_state));
  const bool starts = verb == UnitVerb::start || verb == UnitVerb::restart;
  const bool stops = verb == UnitVerb::stop || verb == UnitVerb::restart;
  if (starts && unit.refuse_manual_start) return leave("has RefuseManualStart=yes");
  if (stops && unit.refuse_manual_stop) return leave("has RefuseManualStop=yes");
  if (manual) return std::nullopt;
  if (unit.sub_state == "auto-restart" && verb != UnitVerb::stop) {
    return leave("is about to be restarted by systemd (Restart=): that is its turn first");
  }
  if (unit.job != 0) return leave("has a job under way that somebody else asked systemd for");
  if (unit.active_state == "deactivating") return leave("is being stopped");
  if (unit.active_state == "activating" && verb != UnitVerb::stop) return leave("is being started");
  return std::nullopt;
}

}  // namespace

Status check_not_denied(std::string_view name) {
  if (!is_valid_unit_name(name)) {
    return Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a unit name", name));
  }
  if (Status allowed = check_prefixes(name); !allowed) return allowed;
  const bool known_kind = std::any_of(std::begin(kKinds), std::end(kKinds),
                                      [&](std::string_view kind) { return name.ends_with(kind); });
  if (!known_kind) return denied(name, "only service, socket, timer and path units are");
  return {};
}

Status check_not_denied(const UnitState& unit) {
  if (Status id = check_not_denied(unit.id); !id) return id;
  for (const std::string& alias : unit.names) {
    if (Status allowed = check_not_denied(alias); !allowed) {
      return std::move(allowed).error().wrap(fmt::format("{} is also called {}", unit.id, alias));
    }
  }
  if (unit.main_pid == static_cast<std::uint32_t>(::getpid())) return denied(unit.id, "it is Chiron itself");
  return {};
}

Status check_dependents(UnitVerb verb, const UnitState& unit, const UnitLookup& lookup) {
  struct Reached {
    std::string name;
    std::string how;  // how it hangs on the target
  };
  std::vector<Reached> reached;
  std::set<std::string> seen{unit.id};
  const auto reach = [&](const std::vector<std::string>& names, const std::string& how) {
    for (const std::string& name : names) {
      if (seen.insert(name).second) reached.push_back({name, how});
    }
  };
  const bool reloads = verb == UnitVerb::reload;
  if (reloads) {
    reach(unit.reloads_along, "is reloaded along with " + unit.id);
  } else {
    // What is down takes nothing along when it is started.
    if (verb != UnitVerb::start) reach(unit.takes_along, "hangs on " + unit.id);
    if (verb != UnitVerb::stop) reach(unit.conflicts, "conflicts with " + unit.id);
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const Reached at = reached[i];
    if (i >= kMostDependents) {
      return Error(ErrorCode::failed_precondition,
                   fmt::format("more than {} units hang on {}", kMostDependents, unit.id));
    }
    Result<UnitState> other = lookup(at.name);
    if (!other && other.error().code() == ErrorCode::not_found) continue;
    if (!other) return std::move(other).error();
    if (is_down(*other)) continue;
    if (Status allowed = check_reached(*other); !allowed) {
      return std::move(allowed).error().wrap(
          fmt::format("{} is left alone: to {} it would also {} {}, which {}", unit.id, to_string(verb),
                      reloads ? "reload" : "stop", other->id, at.how));
    }
    if (reloads) {
      reach(other->reloads_along, "is reloaded along with " + other->id);
    } else {
      reach(other->takes_along, "hangs on " + other->id);
    }
  }
  return {};
}

Judgement judge(UnitVerb verb, const UnitState& unit, Circumstances circumstances) {
  if (auto forbidden = obstacle(verb, unit, circumstances.manual)) return *std::move(forbidden);
  const bool down = unit.active_state == "inactive" || unit.active_state == "failed";
  if (verb == UnitVerb::stop) {
    return down ? Judgement{Verdict::nothing_to_do, "is " + unit.active_state, false}
                : Judgement{Verdict::act, "is " + unit.active_state, false};
  }
  if (verb == UnitVerb::reload) {
    if (!is_up(unit)) return leave(fmt::format("is {}: there is nothing to reload", unit.active_state));
    if (!unit.can_reload)
      return leave("cannot be reloaded (CanReload=no: it has no ExecReload=); restart it instead");
    return {Verdict::act, "is " + unit.active_state, false};
  }
  if (is_up(unit) && verb == UnitVerb::start)
    return {Verdict::nothing_to_do, "is " + unit.active_state, false};
  if (is_up(unit)) return {Verdict::act, "is " + unit.active_state, false};
  if (circumstances.manual)
    return {Verdict::act, "is " + unit.active_state, unit.result == "start-limit-hit"};
  if (unit.active_state == "failed") return judge_failed(unit);
  if (unit.active_state == "inactive") return judge_inactive(unit, circumstances.watched);
  return leave("is " + unit.active_state);
}

Judgement judge_after_reset(UnitVerb verb, const UnitState& unit, Circumstances circumstances) {
  if (auto forbidden = obstacle(verb, unit, circumstances.manual)) return *std::move(forbidden);
  const bool down = unit.active_state == "inactive" || unit.active_state == "failed";
  if (!down) return leave("is " + unit.active_state);
  return {Verdict::act, "is " + unit.active_state, false};
}

}  // namespace chiron::remediation
