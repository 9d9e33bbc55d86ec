#include "exporter/base/transient_unit.h"

#include "exporter/base/file.h"
#include "exporter/base/output_capture.h"
#include "exporter/base/systemd_calls.h"
#include "exporter/base/transient_properties.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace chiron {
namespace {

using systemd1::manager_method;

/// One answer of systemd.
constexpr Duration kCall = std::chrono::seconds(5);
/// From the request to execve(2), on a host that is out of breath.
constexpr Duration kStart = std::chrono::seconds(20);
/// A bus loses no signal; should it ever, the unit's end is seen this much later.
constexpr Duration kLookAnyway = std::chrono::seconds(5);
/// While the bus is away.
constexpr Duration kComeBack = std::chrono::milliseconds(200);
/// Beyond what systemd was told to end the unit within, before this process takes it in hand.
constexpr Duration kPatience = std::chrono::seconds(2);
/// What a pipe of one that is not privileged may hold (pipe(7), /proc/sys/fs/pipe-max-size).
constexpr int kPipeSize = 1 << 20;
constexpr const char* kDirectory = "/run/chiron/commands";

bool has_ended(const UnitState& unit) {
  return unit.sub_state == "exited" || unit.active_state == "failed" || unit.active_state == "inactive";
}

BootTime now() { return system_clock().boot(); }

TransientOutcome outcome_of(const UnitState& unit) {
  TransientOutcome outcome;
  outcome.result = unit.result;
  outcome.command.timed_out = unit.result == "timeout";
  if (unit.main_code == CLD_EXITED) {
    outcome.command.exit_code = unit.main_status;
  } else {
    outcome.command.signal = unit.main_status;
  }
  if (unit.main_exit_mono_us > unit.inactive_exit_mono_us) {
    outcome.command.took = std::chrono::microseconds(unit.main_exit_mono_us - unit.inactive_exit_mono_us);
  }
  return outcome;
}

}  // namespace

class TransientUnits::Impl {
 public:
  Impl(BusAddress bus, std::string directory)
      : bus_(std::move(bus.address)), directory_(std::move(directory)) {}

  Status answers(Duration patience);
  Result<TransientOutcome> run(const TransientCommand& command, const CancelToken& cancel,
                               const std::function<bool()>& leave);
  Result<TransientOutcome> attach(const TransientCommand& command, const CancelToken& cancel,
                                  const std::function<bool()>& leave);

 private:
  /// What one unit's end is waited for with.
  struct Watched {
    explicit Watched(const TransientCommand& of)
        : command(of), out(of.command.output_limit), err(of.command.output_limit) {}
    const TransientCommand& command;
    OutputCapture out, err;
    std::uint64_t subscribed = 0;  ///< the connection that tells of its changes
    bool changed = true;
    void drain() {
      out.drain();
      err.drain();
    }
  };
  std::string file(const std::string& unit, const char* what) const {
    return fmt::format("{}/{}.{}", directory_, unit, what);
  }
  Result<FileDescriptor> make_fifo(const std::string& path, OutputCapture& capture) const;
  Status start(Watched& watched);
  Status start_unit(Watched& watched, int out, int err);
  Result<TransientOutcome> follow(Watched& watched, const CancelToken& cancel,
                                  const std::function<bool()>& leave);
  Result<UnitState> look(Watched& watched);
  void wait_for_change(Watched& watched, BootTime until, const CancelToken* cancel);
  /// Asks and does not wait for the outcome; the job.
  Result<std::string> ask_to_stop(const std::string& unit);
  void kill_all(const std::string& unit);
  /// Ends what is left of the unit, takes the rest of its output and lets systemd forget it.
  void clear(Watched& watched);
  void remove_files(const std::string& unit) const;

  BusConnection bus_;
  systemd1::JobWatch jobs_{bus_};
  const std::string directory_;
};

Status TransientUnits::Impl::answers(Duration patience) {
  if (Status opened = bus_.open(); !opened) return opened;
  return jobs_.subscribe(deadline_after(patience));
}

void TransientUnits::Impl::remove_files(const std::string& unit) const {
  for (const char* what : {"out", "err", "env"}) ::unlink(file(unit, what).c_str());
}

/// The end for the program: open for reading too, so that it never is without a reader (fifo(7)).
Result<FileDescriptor> TransientUnits::Impl::make_fifo(const std::string& path,
                                                       OutputCapture& capture) const {
  if (::mkfifo(path.c_str(), 0600) != 0) return Error::from_errno(errno, path);
  FileDescriptor reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  FileDescriptor both(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!reader || !both) {
    const int why = errno;
    ::unlink(path.c_str());
    return Error::from_errno(why, path);
  }
  // Smaller when the host's limits say so; it only lets the program wait sooner for us.
  ::fcntl(both.get(), F_SETPIPE_SZ, kPipeSize);
  capture.read_from(std::move(reader));
  return both;
}

Status TransientUnits::Impl::start(Watched& watched) {
  const std::string& unit = watched.command.unit;
  const Result<std::string> environment = environment_file_text(watched.command.command.environment);
  if (!environment) return environment.error();
  // The parent is /run or the like; a directory that is there is root's.
  for (const std::string& each : {directory_.substr(0, directory_.rfind('/')), directory_}) {
    if (::mkdir(each.c_str(), 0700) != 0 && errno != EEXIST) return Error::from_errno(errno, each);
  }
  Result<FileDescriptor> out = make_fifo(file(unit, "out"), watched.out);
  if (!out) return std::move(out).error();
  // From here on the name is ours: had it been another's, its FIFO would have been there.
  Result<FileDescriptor> err = make_fifo(file(unit, "err"), watched.err);
  Status started = err ? write_file_atomically(file(unit, "env"), *environment, 0600) : Status(err.error());
  if (started) started = start_unit(watched, out->get(), err->get());
  ::unlink(file(unit, "env").c_str());
  if (!started) remove_files(unit);
  return started;
}

Status TransientUnits::Impl::start_unit(Watched& watched, int out, int err) {
  const std::string& unit = watched.command.unit;
  if (Status open = answers(kCall); !open) return open;
  BusMessage call = manager_method(bus_, "StartTransientUnit");
  int rc = call ? sd_bus_message_append(call.get(), "ss", unit.c_str(), "fail") : -ENOMEM;
  if (rc >= 0) rc = append_transient_properties(call.get(), watched.command, out, err, file(unit, "env"));
  if (rc >= 0) rc = sd_bus_message_append(call.get(), "a(sa(sv))", 0);
  if (rc == -EINVAL) return Error(ErrorCode::invalid_argument, "systemd takes UTF-8 text only");
  if (rc < 0) return Error::from_errno(-rc, "StartTransientUnit");
  const Result<std::string> job = jobs_.queue(std::move(call), "StartTransientUnit", deadline_after(kStart));
  if (!job && job.error().code() != ErrorCode::timed_out) return job.error();
  if (job) {
    // Whatever its result: the unit's state says it better.
    [[maybe_unused]] const Result<std::string> done = jobs_.wait(*job, deadline_after(kStart), nullptr);
    return {};
  }
  // Nobody knows whether it was started; a unit of this name is ours.
  if (Status open = answers(kCall); !open) return job.error();
  const Result<UnitState> there = systemd1::read_unit(bus_, unit, deadline_after(kCall));
  return there ? Status() : Status(job.error());
}

Result<UnitState> TransientUnits::Impl::look(Watched& watched) {
  if (Status open = answers(kCall); !open) return std::move(open).error();
  const BootTime deadline = deadline_after(kCall);
  const Result<std::string> path = systemd1::unit_path(bus_, watched.command.unit, deadline);
  if (!path) return path.error();
  if (watched.subscribed != bus_.generation()) {
    const auto on_change = [&watched](sd_bus_message*) { watched.changed = true; };
    const std::string match =
        fmt::format("type='signal',sender='{}',path='{}',interface='{}',member='PropertiesChanged'",
                    systemd1::kService, *path, systemd1::kProperties);
    if (Status subscribed = bus_.subscribe(match, on_change, deadline); !subscribed)
      return std::move(subscribed).error();
    watched.subscribed = bus_.generation();
  }
  return systemd1::read_unit(bus_, watched.command.unit, deadline);
}

void TransientUnits::Impl::wait_for_change(Watched& watched, BootTime until, const CancelToken* cancel) {
  const auto done = [&] {
    watched.drain();
    return watched.changed;
  };
  const auto output = [&] { return BusConnection::Also{watched.out.descriptor(), watched.err.descriptor()}; };
  const Status waited = bus_.process_until(done, until, cancel, output);
  const bool bus_is_away = !waited && waited.error().code() != ErrorCode::timed_out &&
                           waited.error().code() != ErrorCode::cancelled;
  if (!bus_is_away) return;
  CancelToken().wait_for(std::min<Duration>(kComeBack, std::max(until - now(), Duration::zero())));
  watched.drain();
}

Result<std::string> TransientUnits::Impl::ask_to_stop(const std::string& unit) {
  if (Status open = answers(kCall); !open) return std::move(open).error();
  BusMessage call = manager_method(bus_, "StopUnit");
  if (!call || sd_bus_message_append(call.get(), "ss", unit.c_str(), "replace") < 0)
    return systemd1::malformed("StopUnit");
  return jobs_.queue(std::move(call), "StopUnit", deadline_after(kCall));
}

void TransientUnits::Impl::kill_all(const std::string& unit) {
  if (!answers(kCall)) return;
  BusMessage call = manager_method(bus_, "KillUnit");
  if (!call || sd_bus_message_append(call.get(), "ssi", unit.c_str(), "all", SIGKILL) < 0) return;
  // An error says that no process is left.
  [[maybe_unused]] const Result<BusMessage> killed = bus_.call(std::move(call), deadline_after(kCall));
}

void TransientUnits::Impl::clear(Watched& watched) {
  const std::string& unit = watched.command.unit;
  kill_all(unit);
  watched.drain();
  // systemd lets go of the outputs with the unit; ours stay readable until they are empty.
  if (const Result<std::string> job = ask_to_stop(unit); job) {
    [[maybe_unused]] const auto done = jobs_.wait(*job, deadline_after(kPatience), nullptr);
    BusMessage reset = manager_method(bus_, "ResetFailedUnit");
    if (reset && sd_bus_message_append(reset.get(), "s", unit.c_str()) >= 0) {
      // An error says that the unit is gone already.
      [[maybe_unused]] const auto gone = bus_.call(std::move(reset), deadline_after(kCall));
    }
  }
  watched.drain();
  remove_files(unit);
}

Result<TransientOutcome> TransientUnits::Impl::follow(Watched& watched, const CancelToken& cancel,
                                                      const std::function<bool()>& leave) {
  const Command& command = watched.command.command;
  const std::string& unit = watched.command.unit;
  BootTime limit = now() + std::min(command.timeout + command.grace, kLongestWait) + kPatience;
  bool cancelled = false, killed = false;
  std::optional<Error> failure;
  for (;;) {
    if (!cancelled && cancel.cancelled()) {
      if (leave()) return TransientOutcome{.command = {}, .result = {}, .goes_on = true};
      cancelled = true;
      [[maybe_unused]] const Result<std::string> asked = ask_to_stop(unit);
      limit = now() + std::min(command.grace, command.cancel_grace);
    }
    watched.changed = false;
    Result<UnitState> state = look(watched);
    watched.drain();
    if (state && has_ended(*state)) {
      TransientOutcome outcome = outcome_of(*state);
      clear(watched);
      outcome.command.cancelled = cancelled;
      outcome.command.out = watched.out.take();
      outcome.command.err = watched.err.take();
      outcome.command.truncated = watched.out.truncated() || watched.err.truncated();
      return outcome;
    }
    if (!state && state.error().code() == ErrorCode::not_found) {
      remove_files(unit);
      if (!cancelled) return std::move(state).error();
      TransientOutcome outcome;
      outcome.command.cancelled = true;
      return outcome;
    }
    if (now() >= limit) {
      if (killed) {
        Error late(ErrorCode::timed_out, fmt::format("{} is still there past its time", unit));
        if (state) return late;
        return std::move(state).error().wrap(fmt::format("how {} ended is not known", unit));
      }
      kill_all(unit);
      killed = true;
      limit = now() + kPatience;
    }
    wait_for_change(watched, std::min(limit, now() + kLookAnyway), cancelled ? nullptr : &cancel);
  }
}

Result<TransientOutcome> TransientUnits::Impl::run(const TransientCommand& command, const CancelToken& cancel,
                                                   const std::function<bool()>& leave) {
  if (!is_valid_unit_name(command.unit) || !command.unit.ends_with(".service")) {
    return Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is no service's name", command.unit));
  }
  if (cancel.cancelled())
    return Error(ErrorCode::cancelled, command.command.argv.front() + ": cancelled before the start");
  Watched watched(command);
  if (Status started = start(watched); !started)
    return std::move(started).error().wrap(fmt::format("{} could not be started", command.unit));
  Result<TransientOutcome> outcome = follow(watched, cancel, leave);
  bus_.close();  // it knows `watched`
  if (outcome || outcome.error().code() != ErrorCode::not_found) return outcome;
  return Error(
      ErrorCode::unavailable,
      fmt::format("{} was stopped by somebody else; how its program ended is not known", command.unit));
}

Result<TransientOutcome> TransientUnits::Impl::attach(const TransientCommand& command,
                                                      const CancelToken& cancel,
                                                      const std::function<bool()>& leave) {
  Watched watched(command);
  for (const auto& [what, capture] : {std::pair("out", &watched.out), std::pair("err", &watched.err)}) {
    FileDescriptor reader(
        ::open(file(command.unit, what).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    // Without it the program's end is known all the same.
    if (reader) capture->read_from(std::move(reader));
  }
  Result<TransientOutcome> outcome = follow(watched, cancel, leave);
  bus_.close();  // it knows `watched`
  return outcome;
}

TransientUnits::TransientUnits(BusAddress bus, std::string directory)
    : impl_(std::make_unique<Impl>(std::move(bus), std::move(directory))) {}
TransientUnits::~TransientUnits() = default;

std::unique_ptr<TransientUnits> transient_units_of_host(const BusAddress& bus) {
  if (::geteuid() != 0 || sd_booted() <= 0) return nullptr;
  auto units = std::make_unique<TransientUnits>(bus, kDirectory);
  return units->answers(kCall) ? std::move(units) : nullptr;
}

Status TransientUnits::answers(Duration patience) { return impl_->answers(patience); }

Result<TransientOutcome> TransientUnits::run(const TransientCommand& command, const CancelToken& cancel,
                                             const std::function<bool()>& leave) {
  return impl_->run(command, cancel, leave);
}

Result<TransientOutcome> TransientUnits::attach(const TransientCommand& command, const CancelToken& cancel,
                                                const std::function<bool()>& leave) {
  return impl_->attach(command, cancel, leave);
}

}  // namespace chiron
