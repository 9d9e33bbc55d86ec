#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/result.h"
#include "exporter/base/subprocess.h"
#include "exporter/base/systemd.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace chiron {

/// A program as a service of the system manager's own, which goes on when this process ends.
struct TransientCommand {
  std::string unit;  ///< its name, with .service: one that nothing else ever had, such as a run's id
  std::string description;
  /// argv, environment and directory as for run_command(), and what systemd gives to each service. Passed
  /// `timeout` systemd ends the control group, with SIGTERM and after `grace` with SIGKILL.
  Command command;
  std::string user;              ///< name or number; "": root
  std::uint64_t memory_max = 0;  ///< bytes (MemoryMax=); 0: none
  double cpu_percent = 0;        ///< of one CPU (CPUQuota=); 0: none
};

struct TransientOutcome {
  CommandOutcome command;
  /// systemd.exec(5), $SERVICE_RESULT: success, timeout, oom-kill, exit-code (systemd could not execute it),
  /// ...
  std::string result;
  bool goes_on = false;  ///< nothing else here is known: it was left to systemd
};

/// Runs programs as transient units (systemd.directives(7), org.freedesktop.systemd1(5): StartTransientUnit),
/// of which every process stays in one control group. Such a unit remembers how its program ended until it is
/// taken up; its output goes through FIFOs below `directory`, which systemd holds open for both reading and
/// writing, so that neither a program without a reader nor what it wrote is lost: at most a pipe's size
/// (1 MiB) is kept, and a program that writes more waits for a reader. Environments are handed over in a
/// file, because a unit's properties are readable to everybody; both are for root alone, and gone when the
/// unit is. One thread.
class TransientUnits {
 public:
  TransientUnits(BusAddress bus, std::string directory);
  ~TransientUnits();
  TransientUnits(const TransientUnits&) = delete;
  TransientUnits& operator=(const TransientUnits&) = delete;

  /// Whether systemd answers, within `patience`.
  Status answers(Duration patience);
  /// Starts the unit and follows it to its end, at most timeout, grace and a few seconds. When it is
  /// cancelled the unit is stopped, or left as it is when `leave` says so. Then nothing of the unit is left,
  /// whether it ended well or not. An error means that it could not be started, or that its end is not known.
  Result<TransientOutcome> run(const TransientCommand& command, const CancelToken& cancel,
                               const std::function<bool()>& leave);
  /// Follows a unit that an earlier process started, `timeout` counting from now; never starts it. not_found
  /// when there is none.
  Result<TransientOutcome> attach(const TransientCommand& command, const CancelToken& cancel,
                                  const std::function<bool()>& leave);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The one rule of where a command runs: in a transient unit when the host was booted with systemd
/// (sd_booted(3)), this process is root and systemd answers on the bus within 5 s. Otherwise nothing: it is a
/// child of this process, run_command().
std::unique_ptr<TransientUnits> transient_units_of_host(const BusAddress& bus);

}  // namespace chiron
