#include "remediation/actions/logs/log_writer.h"

#include "remediation/actions/deletion/lease.h"
#include "remediation/actions/unit_work.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

constexpr Duration kBusPatience = std::chrono::seconds(5);
constexpr Duration kLetGoPatience = std::chrono::seconds(10);
constexpr Duration kLookAtUse = std::chrono::milliseconds(20);

}  // namespace

Status LogWriter::let_go(const std::string& name, int old_part) const {
  if (Status status = tell(); !status)
    return std::move(status).error().wrap(fmt::format("{} is rotated, its writer not told", name));
  const BootTime limit = std::min(context_.clock.boot() + kLetGoPatience, context_.deadline);
  while (context_.clock.boot() < limit && !context_.cancel.cancelled()) {
    const FileUse use = file_use(old_part);
    if (use == FileUse::nobody || use == FileUse::reading) return {};
    std::this_thread::sleep_for(kLookAtUse);
  }
  return Error(ErrorCode::timed_out, fmt::format("{} was told, and the old {} is still open for writing; "
                                                 "nothing is lost, the next run tells it again",
                                                 request_.unit, name));
}

Status LogWriter::tell() const {
  const std::unique_ptr<SystemdManager> manager = make_manager_(context_.bus);
  if (request_.writer == LogsRequest::Writer::reload) {
    const UnitWork work(context_, *manager);
    const Result<UnitState> unit = work.find(request_.unit);
    if (!unit) return unit.error();
    Report of_reload;
    return work.perform(UnitVerb::reload, *unit, of_reload);
  }
  const Duration patience = std::min(kBusPatience, context_.remaining());
  Result<UnitState> state = manager->unit(request_.unit, patience);
  if (!state) return std::move(state).error();
  if (Status allowed = check_not_denied(*state); !allowed) return allowed;
  if (state->main_pid == 0) {
    return Error(ErrorCode::failed_precondition, fmt::format("{} has no main process", request_.unit));
  }
  const FileDescriptor process(
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(state->main_pid), 0)));
  if (!process) return Error::from_errno(errno, request_.unit);
  // The number belongs to nobody else from here on, if it still is the unit's.
  Result<UnitState> again = manager->unit(request_.unit, patience);
  if (!again) return std::move(again).error();
  if (again->main_pid != state->main_pid) {
    return Error(ErrorCode::unavailable, fmt::format("{} is just being restarted", request_.unit));
  }
  if (::syscall(SYS_pidfd_send_signal, process.get(), request_.signal, nullptr, 0) != 0) {
    return Error::from_errno(errno, fmt::format("signal {} to {}", request_.signal, request_.unit));
  }
  return {};
}

}  // namespace chiron::remediation
