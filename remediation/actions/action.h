#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/isolation.h"
#include "exporter/base/result.h"
#include "exporter/base/systemd.h"
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
  const HostView* host = nullptr;  ///< nothing where no agent runs: when planning without one

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
};

struct ActionInfo {
  std::string_view name;
  std::string_view help;
  Duration default_timeout;  ///< when the step names no `timeout`
  std::unique_ptr<Action> (*make)();
  /// Works object by object and can be stopped between two of them with nothing half-done: a pause stops it.
  bool stops_cleanly = false;
  /// Changes nothing on the host: carried out where others are only planned, in a dry-run.
  bool only_reads = false;
};

/// Every action there is. A new one is one row in table.cpp.
std::span<const ActionInfo> all_actions();
const ActionInfo* find_action(std::string_view name);

}  // namespace chiron::remediation
