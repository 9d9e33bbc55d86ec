#include "exporter/base/subprocess.h"

#include "exporter/base/file.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/parse.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::TempDir;

Command shell(std::string script) {
  Command command;
  command.argv = {"/bin/sh", "-c", std::move(script)};
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  command.timeout = seconds(60);
  return command;
}

CommandOutcome run_good(const Command& command, const CancelToken& cancel = {}) {
  auto result = run_command(command, cancel);
  if (!result.ok()) {
    ADD_FAILURE() << result.error().to_string();
    return {};
  }
  return *std::move(result);
}

/// Runs a script to its timeout, and with a longer one when that left it no time to say that it is ready.
CommandOutcome run_past_ready(Command command) {
  CommandOutcome outcome = run_good(command);
  for (; outcome.out.empty() && command.timeout < seconds(60); outcome = run_good(command))
    command.timeout *= 4;
  EXPECT_GE(outcome.took, command.timeout);
  return outcome;
}

/// Whether a process still lives: a zombie that nobody has reaped yet does not.
bool lives(pid_t pid) {
  const auto stat = read_file(HostPaths().proc(std::to_string(pid) + "/stat"));
  if (!stat.ok()) return false;
  const std::size_t name_end = stat->rfind(") ");
  return name_end == std::string::npos || (*stat)[name_end + 2] != 'Z';
}

/// Signals are delivered at once but processes end a moment later.
bool ends_soon(pid_t pid) {
  const CancelToken pause;
  for (int i = 0; i < 5000 && lives(pid); ++i) pause.wait_for(milliseconds(1));
  return !lives(pid);
}

pid_t pid_in(const std::string& text) { return parse_int<pid_t>(trim(text)).value_or(-1); }

TEST(Subprocess, ReportsOutputAndExitCode) {
  const CommandOutcome outcome = run_good(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_FALSE(outcome.timed_out || outcome.cancelled || outcome.truncated);
  EXPECT_GT(outcome.took, Duration::zero());
}

TEST(Subprocess, ReportsTheSignalThatEndedIt) {
  const CommandOutcome outcome = run_good(shell("kill -SEGV $$"));
  EXPECT_EQ(outcome.signal, SIGSEGV);
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST(Subprocess, PassesArgumentsAndEnvironmentAsTheyAre) {
  Command command = shell("");
  command.argv = {"/usr/bin/printf", "%s|", "a b", "$HOME", "`id`", ""};
  EXPECT_EQ(run_good(command).out, "a b|$HOME|`id`||");
  ::setenv("CHIRON_SECRET", "1", 1);
  command.argv = {"/usr/bin/env"};
  command.environment = {{"A", "x=y"}, {"B", ""}};
  EXPECT_EQ(run_good(command).out, "A=x=y\nB=\n");
  ::unsetenv("CHIRON_SECRET");
}

TEST(Subprocess, RunsInItsDirectoryWithNothingToRead) {
  const TempDir dir;
  Command command = shell("pwd; cat; exit 0");
  command.directory = std::filesystem::canonical(dir.path());
  EXPECT_EQ(run_good(command).out, command.directory + "\n");
}

TEST(Subprocess, InheritsNoDescriptor) {
  int leaky[2];
  ASSERT_EQ(::pipe(leaky), 0);  // without O_CLOEXEC, as a library might open it
  Command command = shell("");
  command.argv = {"/bin/ls", "/proc/self/fd"};
  EXPECT_EQ(run_good(command).out, "0\n1\n2\n3\n");  // 3 is the listing itself
  ::close(leaky[0]);
  ::close(leaky[1]);
}

TEST(Subprocess, HasDefaultSignalsInAGroupOfItsOwn) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  sigset_t term;
  sigset_t old;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &old);
  const CommandOutcome outcome =
      run_good(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o pgid= -p $$; echo $$"));
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  ::signal(SIGPIPE, before);
  std::string_view rest = outcome.out;
  std::string_view line;
  for (const char* expected : {"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"}) {
    ASSERT_TRUE(next_line(rest, line));
    EXPECT_EQ(line, expected);
  }
  ASSERT_TRUE(next_line(rest, line));
  const auto group = parse_int<pid_t>(trim(line));
  EXPECT_EQ(group, parse_int<pid_t>(trim(rest)));
  EXPECT_NE(group, ::getpgrp());
}

TEST(Subprocess, RefusesWhatCannotBeStarted) {
  const auto code = [](Command command) {
    const auto result = run_command(command, {});
    return result.ok() ? "started" : result.error().to_string();
  };
  Command command = shell("");
  command.argv = {};
  EXPECT_EQ(code(command), "the command is empty");
  command.argv = {"sh"};
  EXPECT_EQ(code(command), "\"sh\" must be an absolute path");
  command.argv = {"/no/such/program"};
  EXPECT_EQ(code(command), "cannot run /no/such/program: /no/such/program: No such file or directory");
  command.argv = {"/etc/passwd"};
  EXPECT_EQ(run_command(command, {}).error().code(), ErrorCode::permission_denied);
  command.argv = {"/bin/sh", std::string("a\0b", 3)};
  EXPECT_THAT(code(command), ::testing::HasSubstr("NUL"));
  command = shell("");
  command.environment = {{"A=B", "c"}};
  EXPECT_THAT(code(command), ::testing::HasSubstr("environment"));
  command = shell("");
  command.directory = "/no/such/directory";
  EXPECT_EQ(run_command(command, {}).error().code(), ErrorCode::not_found);
  CancelToken cancelled;
  cancelled.cancel();
  EXPECT_EQ(run_command(shell("true"), cancelled).error().code(), ErrorCode::cancelled);
}

TEST(Subprocess, LeavesNoZombieOfAProgramThatCouldNotBeStarted) {
  Command command = shell("");
  command.argv = {"/no/such/program"};
  EXPECT_FALSE(run_command(command, {}).ok());
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Subprocess, KeepsTheBeginningOfMuchOutput) {
  Command command = shell("head -c 10000000 /dev/zero | tr '\\0' x; echo end >&2");
  command.output_limit = 1000;
  const CommandOutcome outcome = run_good(command);
  EXPECT_EQ(outcome.out, std::string(1000, 'x'));
  EXPECT_EQ(outcome.err, "end\n");
  EXPECT_TRUE(outcome.truncated);
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST(Subprocess, EndsAtItsTimeout) {
  Command command = shell("echo begun; exec sleep 1000");
  command.timeout = milliseconds(200);
  const CommandOutcome outcome = run_past_ready(command);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_FALSE(outcome.cancelled);
  EXPECT_EQ(outcome.signal, SIGTERM);
  EXPECT_EQ(outcome.out, "begun\n");
}

TEST(Subprocess, KillsWhatIgnoresSigterm) {
  Command command = shell("trap '' TERM; echo $$; while :; do sleep 1000; done");
  command.timeout = milliseconds(200);
  command.grace = milliseconds(200);
  const CommandOutcome outcome = run_past_ready(command);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, SIGKILL);
  EXPECT_GE(outcome.took, milliseconds(400));
  EXPECT_LT(outcome.took, seconds(120));
  EXPECT_FALSE(lives(pid_in(outcome.out)));
}

TEST(Subprocess, GivesTheGroupItsGrace) {
  // The shell dies of SIGTERM at once; its child cleans up first.
  Command command =
      shell("(trap 'sleep 0.2; echo cleaned; exit' TERM; echo ready; while :; do sleep 0.05; done) & wait");
  command.timeout = milliseconds(200);
  command.grace = seconds(30);
  EXPECT_EQ(run_past_ready(command).out, "ready\ncleaned\n");
}

TEST(Subprocess, IsCancelledFromAnotherThread) {
  const TempDir dir;
  const std::string fifo = dir / "started";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  CancelToken cancel;
  std::thread canceller([&] {
    const FileDescriptor opened(::open(fifo.c_str(), O_RDONLY | O_CLOEXEC));  // until the script opens it
    cancel.cancel();
  });
  const Command deaf = shell("trap '' TERM; : > " + fifo + "; while :; do sleep 1000; done");
  const CommandOutcome outcome = run_good(deaf, cancel);
  canceller.join();
  // Sooner than at a timeout: who cancels waits for it.
  EXPECT_LT(outcome.took, deaf.grace);
  EXPECT_TRUE(outcome.cancelled);
  EXPECT_FALSE(outcome.timed_out);
  EXPECT_NE(outcome.signal, 0);
}

TEST(Subprocess, KillsWhatIsLeftOfTheGroup) {
  const CommandOutcome outcome = run_good(shell("sleep 1000 & echo $!"));
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_LT(outcome.took, seconds(20));
  const pid_t grandchild = pid_in(outcome.out);
  ASSERT_GT(grandchild, 1);
  EXPECT_TRUE(ends_soon(grandchild));
}

TEST(Subprocess, IsNotHeldByADaemonThatKeepsItsOutput) {
  const TempDir dir;
  const std::string fifo = dir / "daemon";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const CommandOutcome outcome = run_good(shell("setsid sh -c 'echo $$; echo >" + fifo +
                                                "; exec sleep 1000' & read up <" + fifo + "; echo done >&2"));
  EXPECT_LT(outcome.took, seconds(20));
  EXPECT_EQ(outcome.err, "done\n");
  const pid_t daemon = pid_in(outcome.out);
  ASSERT_GT(daemon, 1);
  EXPECT_TRUE(lives(daemon));  // it left the group on purpose
  ::kill(daemon, SIGKILL);
}

TEST(Subprocess, ManyAtOnceDoNotMixUp) {
  const std::size_t before = list_directory(HostPaths().proc("self/fd")).value_or({}).size();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t, &good] {
      for (int i = 0; i < 10; ++i) {
        const CommandOutcome outcome = run_good(shell(fmt::format("echo {}.{}; exit {}", t, i, i)));
        if (outcome.out == fmt::format("{}.{}\n", t, i) && outcome.exit_code == i) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
  EXPECT_EQ(list_directory(HostPaths().proc("self/fd")).value_or({}).size(), before);
}

}  // namespace
}  // namespace chiron
