#include "exporter/base/subprocess.h"

#include "exporter/base/file.h"
#include "exporter/base/output_capture.h"
#include "exporter/base/thread_annotations.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <boost/process/child.hpp>
#include <boost/process/extend.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron {
namespace {

namespace bp = boost::process;
using std::chrono::milliseconds;

// For a killed process to be gone, and for output that others hold open.
constexpr Duration kKillPatience = milliseconds(500);
constexpr Duration kDrainPatience = milliseconds(100);

BootTime now() { return system_clock().boot(); }

/// What fork and exec need, made before the fork: between the two a child of a process with threads must not
/// allocate.
class ChildSetup : public bp::extend::handler {
 public:
  ChildSetup(const Command& command, int null, int out, int err, int directory)
      : null_(null), out_(out), err_(err), directory_(directory) {
    for (const std::string& argument : command.argv) argv_.push_back(const_cast<char*>(argument.c_str()));
    argv_.push_back(nullptr);
    for (const auto& [name, value] : command.environment) {
      variables_.emplace_back(name).append("=").append(value);
    }
    for (std::string& variable : variables_) environment_.push_back(variable.data());
    environment_.push_back(nullptr);
  }

  template <class Executor>
  void on_setup(Executor& executor) {
    executor.exe = argv_.front();
    executor.cmd_line = argv_.data();
    executor.env = environment_.data();
  }

  template <class Executor>
  void on_exec_setup(Executor&) const {
    // A session of its own is a group of its own, and has no terminal that a prompt could hang on.
    ::setsid();
    // Ignored signals and the mask are inherited through exec, and an ignored SIGPIPE breaks pipelines.
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const bool ready = ::fchdir(directory_) == 0 && ::dup2(null_, 0) == 0 && ::dup2(out_, 1) == 1 &&
                       ::dup2(err_, 2) == 2 && hide_descriptors();
    if (!ready) ::_exit(126);
  }

  template <class Executor>
  void on_error(Executor& executor, const std::error_code&) const {
    // Boost leaves the child that could not exec as a zombie.
    if (executor.pid > 0) ::waitpid(executor.pid, nullptr, 0);
  }

 private:
  // Close on exec rather than now: Boost reports the outcome of exec through a pipe.
  static bool hide_descriptors() { return ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0; }

  int null_, out_, err_, directory_;
  std::vector<char*> argv_;
  std::vector<std::string> variables_;
  std::vector<char*> environment_;
};

/// Killed processes that the kernel had not let go of when their time was up (a read from a dead NFS server);
/// reaped when the next command runs.
class Lingering {
 public:
  void add(FileDescriptor pidfd) {
    const MutexLock lock(mutex_);
    pidfds_.push_back(std::move(pidfd));
  }
  void reap() {
    const MutexLock lock(mutex_);
    std::erase_if(pidfds_, [](const FileDescriptor& pidfd) {
      siginfo_t info{};
      const int result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
      return result != 0 || info.si_pid != 0;
    });
  }

 private:
  Mutex mutex_;
  std::vector<FileDescriptor> pidfds_ CHIRON_GUARDED_BY(mutex_);
};

Lingering& lingering() {
  // Never destroyed: a thread that was left behind may run a command while the process exits.
  static Lingering& all = *new Lingering;
  return all;
}

/// A started command, until it is gone.
class Running {
 public:
  Running(pid_t pid, FileDescriptor pidfd, OutputCapture& out, OutputCapture& err)
      : pid_(pid), pidfd_(std::move(pidfd)), out_(out), err_(err), started_(now()) {}

  CommandOutcome wait(const Command& command, const CancelToken& cancel) {
    CommandOutcome outcome;
    BootTime deadline = started_ + std::min(command.timeout, kLongestWait);
    bool terminating = false;
    while (!exited_ || (terminating && (out_.open_still() || err_.open_still()))) {
      const bool late = now() >= deadline;
      if (late && terminating) break;
      outcome.cancelled = outcome.cancelled || (!terminating && cancel.cancelled());
      if (!terminating && (late || outcome.cancelled)) {
        outcome.timed_out = !outcome.cancelled;
        terminating = true;
        const Duration grace =
            outcome.cancelled ? std::min(command.grace, command.cancel_grace) : command.grace;
        deadline = now() + std::min(grace, kLongestWait);
        ::kill(-pid_, SIGTERM);
      }
      wait_until(deadline, terminating ? -1 : cancel.descriptor());
    }
    end(outcome);
    return outcome;
  }

 private:
  void wait_until(BootTime deadline, int cancel) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - now()).count();
    std::array<pollfd, 4> entries{{{exited_ ? -1 : pidfd_.get(), POLLIN, 0},
                                   {out_.descriptor(), POLLIN, 0},
                                   {err_.descriptor(), POLLIN, 0},
                                   {cancel, POLLIN, 0}}};
    ::poll(entries.data(), entries.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (entries[0].revents != 0) exited_ = true;
    out_.drain();
    err_.drain();
  }

  void end(CommandOutcome& outcome) {
    // The leader is not reaped yet, so its number, which is that of the group, belongs to nobody else.
    ::kill(-pid_, SIGKILL);
    for (const BootTime limit = now() + kKillPatience; !exited_ && now() < limit;) wait_until(limit, -1);
    outcome.took = now() - started_;
    const BootTime limit = now() + kDrainPatience;
    while ((out_.open_still() || err_.open_still()) && now() < limit) wait_until(limit, -1);
    outcome.out = out_.take();
    outcome.err = err_.take();
    outcome.truncated = out_.truncated() || err_.truncated();
    reap(outcome);
  }

  void reap(CommandOutcome& outcome) {
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
    if (info.si_pid == 0) {
      outcome.signal = SIGKILL;
      lingering().add(std::move(pidfd_));
    } else if (info.si_code == CLD_EXITED) {
      outcome.exit_code = info.si_status;
    } else {
      outcome.signal = info.si_status;
    }
  }

  const pid_t pid_;
  FileDescriptor pidfd_;
  OutputCapture& out_;
  OutputCapture& err_;
  const BootTime started_;
  bool exited_ = false;
};

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check(const Command& command) {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_argument, std::move(why)); };
  if (command.argv.empty()) return refuse("the command is empty");
  if (!command.argv.front().starts_with('/')) {
    return refuse("\"" + command.argv.front() + "\" must be an absolute path");
  }
  if (std::any_of(command.argv.begin(), command.argv.end(), has_nul)) {
    return refuse("an argument of " + command.argv.front() + " contains a NUL byte");
  }
  for (const auto& [name, value] : command.environment) {
    const bool bad = name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value);
    if (bad) return refuse("\"" + name + "\" cannot be an environment variable");
  }
  return {};
}

// glibc 2.36 declares pidfd_open(2) for C only.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

Result<FileDescriptor> open_high(const std::string& path, int flags) {
  FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (fd && fd.get() < 3) fd.reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!fd) return Error::from_errno(errno, path);
  return fd;
}

Result<pid_t> spawn(const Command& command, OutputCapture& out, OutputCapture& err) {
  auto null = open_high("/dev/null", O_RDONLY);
  if (!null) return std::move(null).error();
  auto directory = open_high(command.directory, O_PATH | O_DIRECTORY);
  if (!directory) return std::move(directory).error();
  auto out_end = out.open_pipe();
  if (!out_end) return std::move(out_end).error();
  auto err_end = err.open_pipe();
  if (!err_end) return std::move(err_end).error();
  try {
    std::error_code failed;
    bp::child child(ChildSetup(command, null->get(), out_end->get(), err_end->get(), directory->get()),
                    failed);
    child.detach();  // its own way of waiting reaps by number and polls
    if (failed) return Error::from_errno(failed.value(), command.argv.front());
    return child.id();
  } catch (const std::exception& exception) {
    return Error(ErrorCode::internal, exception.what());
  }
}

}  // namespace

Result<CommandOutcome> run_command(const Command& command, const CancelToken& cancel) {
  lingering().reap();
  if (Status good = check(command); !good) return std::move(good).error();
  if (cancel.cancelled())
    return Error(ErrorCode::cancelled, command.argv.front() + ": cancelled before the start");
  OutputCapture out(command.output_limit);
  OutputCapture err(command.output_limit);
  const Result<pid_t> pid = spawn(command, out, err);
  if (!pid) return Error(pid.error()).wrap("cannot run " + command.argv.front());
  FileDescriptor pidfd(open_pidfd(*pid));
  if (!pidfd) {
    const int reason = errno;
    ::kill(-*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return Error::from_errno(reason, "pidfd_open");
  }
  return Running(*pid, std::move(pidfd), out, err).wait(command, cancel);
}

}  // namespace chiron
