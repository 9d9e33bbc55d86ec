#pragma once

#include "alerting/notice.h"
#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/isolation.h"
#include "exporter/base/result.h"
#include "exporter/base/systemd.h"
#include "exporter/series/labels.h"
#include "remediation/actions/arguments.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::remediation {

class HostView;

/// What deletion may touch: deletion: in the configuration file.
struct DeletionPolicy {
  std::vector<std::string> roots = {"/var/cache/apt/archives", "/var/log", "/var/tmp", "/tmp"};
  std::vector<std::string> protect;  ///< globs over absolute paths; ** crosses directories
};

/// What http.request may ask for: requests: in the configuration file.
struct RequestPolicy {
  std::vector<std::string> allow;  ///< URLs and what lies below them; empty: every URL that a remedy names
};

/// The run that a step belongs to, for what tells people of it.
struct RunFacts {
  std::string remedy = {};  ///< "": an action by hand
  std::string target = {};
  std::string state = {}, reason = {};  ///< how the run ended; "" but in on_failure
};

/// A number that an action found out about the host.
struct Finding {
  std::string_view name, help;
  Labels labels = {};
  double value = 0;
};

/// Takes what actions found out, as series that rules can speak of.
class Findings {
 public:
  virtual ~Findings() = default;
  /// They stand until the action publishes again, over restarts too; what it then no longer names is 0.
  virtual void publish(std::string_view action, const std::vector<Finding>& findings) = 0;
};

/// What every action gets; all of it outlives the call.
struct ActionContext {
  const HostPaths& paths;
  const Clock& clock;
  EventLog& log;
  Isolation& isolation;  ///< for questions to the kernel that may hang
  CancelToken cancel;
  BootTime deadline;  ///< of this step
  const DeletionPolicy& deletion;
  BusAddress bus;
  const std::vector<std::string>& watched_services;
  std::string run_id;
  /// A person asked for it by name, knowing the target: an operator's earlier `systemctl stop` does not
  /// forbid it.
  bool manual = false;
  int step = 0;  ///< which step of the run, from 0: with run_id a name for what outlives this process
  /// Whether `cancel` means that the agent ends: what can go on without it may be left to. Any thread.
  std::function<bool()> agent_stops = [] { return false; };
  RunFacts run = {};
  const RequestPolicy* requests = nullptr;  ///< nothing: no limits
  alerting::Notifier* notifier = nullptr;   ///< nothing: there is nobody to tell
  Findings* findings = nullptr;             ///< nothing: nobody asks
  const HostView* host = nullptr;           ///< nothing where no agent runs: when planning without one
  /// collectors.containers.socket in the configuration file; empty: the usual places of Docker and Podman.
  std::span<const std::string> container_sockets = {};

  Duration remaining() const { return deadline - clock.boot(); }
  bool should_stop() const { return cancel.cancelled() || remaining() <= Duration::zero(); }
};

struct PlanItem {
  std::string what;  ///< "unit nginx.service", "/var/log/syslog.2.gz"
  std::uint64_t bytes = 0;
  std::uint64_t objects = 1;
  std::string note;
};
/// What an action would do now. Reads only.
struct Plan {
  std::string summary;
  std::vector<PlanItem> items;  ///< the largest first, at most 200
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
};

/// What an action changed so far; filled while it works, so that a failure half-way still tells.
struct Report {
  std::string summary;
  std::uint64_t freed_bytes = 0;
  std::uint64_t removed_objects = 0;
  std::vector<std::pair<std::string, std::string>> facts;  ///< job_result=done, ...
  /// The agent ends, and what was begun goes on without it: nobody knows its outcome yet.
  bool goes_on = false;
  /// With an error that says why: the target is left to somebody's will or turn, and nothing was done to it.
  bool left_alone = false;
};

/// One kind of deed. Made for one step, declares its arguments, is filled, checked, then planned or run once,
/// on a worker thread. Identifies its target again right before it acts, and returns only when the real
/// result is known, the deadline passed (timed_out) or it was cancelled.
class Action {
 public:
  virtual ~Action() = default;
  virtual void declare(Arguments& arguments) = 0;
  /// Relations between arguments that single types cannot tell. After bind().
  virtual Status validate() const { return {}; }
  virtual Result<Plan> plan(ActionContext& context) = 0;
  virtual Status run(ActionContext& context, Report& report) = 0;
  /// Takes up what run() of an earlier process began under the same run_id and step, and waits for its result
  /// as run() does; never begins it anew. not_found: nothing of it goes on or is left.
  virtual Status resume(ActionContext& /*context*/, Report& /*report*/) {
    return Error(ErrorCode::not_found, "nothing of it goes on without the agent");
  }
};

struct ActionInfo {
  std::string_view name;
  std::string_view help;
  Duration default_timeout;  ///< when the step names no `timeout`
  std::unique_ptr<Action> (*make)();
  /// Works object by object and can be stopped between two of them with nothing half-done: a pause stops it.
  bool stops_cleanly = false;
  /// What it began may go on when the agent ends: resume() is asked at the next start.
  bool outlives_agent = false;
  /// Changes nothing on the host: carried out where others are only planned, in a dry-run.
  bool only_reads = false;
};

/// Every action there is. A new one is one row in table.cpp.
std::span<const ActionInfo> all_actions();
const ActionInfo* find_action(std::string_view name);

}  // namespace chiron::remediation
