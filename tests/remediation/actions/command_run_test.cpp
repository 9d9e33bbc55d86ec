#include "remediation/actions/command_run.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "tests/support/action_fixture.h"
#include "tests/support/temp_dir.h"

#include <cerrno>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::Not;

std::string fact(const Report& report, std::string_view key) {
  for (const auto& [name, value] : report.facts) {
    if (name == key) return value;
  }
  return "";
}

struct CommandRunTest : ::testing::Test {
  Status run(const ArgumentBuilder& arguments, Duration within = std::chrono::seconds(20)) {
    CommandRun action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context(within);
    return action.run(context, report);
  }
  ActionFixture fixture;
  Report report;
};

TEST_F(CommandRunTest, HostileArgumentsStayArguments) {
  const TempDir dir;
  const std::string canary = dir / "canary";
  const std::string hostile =
      "$(touch " + canary + "); `touch " + canary + "` | tee " + canary + " > " + canary;
  const Status status = run(ArgumentBuilder().list("argv", {"/usr/bin/printf", "%s|", hostile, "two words"}));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(fact(report, "stdout"), hostile + "|two words|");
  EXPECT_FALSE(std::filesystem::exists(canary));
}

TEST_F(CommandRunTest, EnvironmentIsMinimalAndAdded) {
  ::setenv("CHIRON_TEST_SECRET", "leak", 1);
  const Status status = run(ArgumentBuilder()
                                .list("argv", {"/usr/bin/env"})
                                .pairs("environment", {{"TOKEN", "s3cret"}, {"LANG", "C"}}));
  ::unsetenv("CHIRON_TEST_SECRET");
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  const std::string out = fact(report, "stdout");
  EXPECT_THAT(out, HasSubstr("TOKEN=s3cret"));
  EXPECT_THAT(out, HasSubstr("LANG=C\n"));
  EXPECT_THAT(out, HasSubstr("CHIRON_RUN_ID=run-1"));
  EXPECT_THAT(out, Not(HasSubstr("CHIRON_TEST_SECRET")));
}

TEST_F(CommandRunTest, EnvironmentValuesAreNotShownByAPlan) {
  CommandRun action;
  ASSERT_TRUE(ArgumentBuilder()
                  .list("argv", {"/usr/bin/env", "a b"})
                  .pairs("environment", {{"TOKEN", "s3cret"}})
                  .fill(action)
                  .ok());
  ActionContext context = fixture.context();
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_THAT(plan->summary, HasSubstr(R"("/usr/bin/env" "a b")"));
  EXPECT_THAT(plan->summary, Not(HasSubstr("s3cret")));
}

TEST_F(CommandRunTest, ExitCodeIsComparedWithTheExpected) {
  const Status failed = run(ArgumentBuilder().list("argv", {"/bin/sh", "-c", "echo why >&2; exit 3"}));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::failed_precondition);
  EXPECT_EQ(failed.error().message(), "/bin/sh ended with exit code 3, expected 0: why");
  EXPECT_EQ(fact(report, "exit_code"), "3");
  EXPECT_TRUE(run(ArgumentBuilder().list("argv", {"/bin/sh", "-c", "exit 3"}).text("expect_exit", "3")).ok());
}

TEST_F(CommandRunTest, OutputCanBeKeptOut) {
  const Status status = run(ArgumentBuilder()
                                .list("argv", {"/bin/sh", "-c", "echo hidden; echo hidden >&2; exit 1"})
                                .text("record_output", "false"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().to_string(), Not(HasSubstr("hidden")));
  for (const auto& [name, value] : report.facts) EXPECT_THAT(value, Not(HasSubstr("hidden"))) << name;
}

TEST_F(CommandRunTest, LongOutputKeepsItsEndAndBinaryBecomesText) {
  const Status status = run(ArgumentBuilder().list(
      "argv", {"/bin/sh", "-c", "head -c 20000 /dev/zero | tr '\\0' 'x'; printf '\\377END'"}));
  ASSERT_TRUE(status.ok());
  const std::string out = fact(report, "stdout");
  EXPECT_LE(out.size(), 4096U + 10);
  EXPECT_THAT(out, ::testing::StartsWith("..."));
  EXPECT_THAT(out, ::testing::EndsWith("\xEF\xBF\xBD"
                                       "END"));
}

TEST_F(CommandRunTest, TheDeadlineEndsTheWholeGroup) {
  const TempDir dir;
  const std::string pidfile = dir / "pid";
  int pid = 0;
  // A longer deadline when a short one ends the shell before it has started anything.
  for (auto within = std::chrono::milliseconds(500); pid == 0 && within < std::chrono::minutes(1);
       within *= 4) {
    const Status status =
        run(ArgumentBuilder().list("argv", {"/bin/sh", "-c", "sleep 600 & echo $! > " + pidfile + "; wait"}),
            within);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), ErrorCode::timed_out);
    std::ifstream(pidfile) >> pid;
  }
  ASSERT_GT(pid, 0);
  // Its pipes close a moment before the kernel lets go of it: a pidfd tells of the end itself, reaped or not.
  const FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    EXPECT_EQ(errno, ESRCH);
    return;
  }
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "process " << pid << " outlived the command that started it";
}

TEST_F(CommandRunTest, CancellingEndsIt) {
  std::thread canceller([this] { fixture.cancel.cancel(); });
  const Status status = run(ArgumentBuilder().list("argv", {"/bin/sleep", "600"}));
  canceller.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
}

TEST_F(CommandRunTest, AChildHasNoUserOrLimitsOfItsOwnAndDoesNotGoOn) {
  for (const auto& [name, value] :
       {std::pair("user", "nobody"), std::pair("memory_max", "64MiB"), std::pair("cpu_quota", "50%")}) {
    CommandRun action([](const BusAddress&) { return nullptr; });
    ASSERT_TRUE(ArgumentBuilder().list("argv", {"/bin/true"}).text(name, value).fill(action)) << name;
    ActionContext context = fixture.context();
    EXPECT_THAT(action.run(context, report).error().to_string(), HasSubstr("need a transient unit")) << name;
    EXPECT_EQ(action.resume(context, report).error().code(), ErrorCode::not_found);
  }
  EXPECT_THAT(
      run(ArgumentBuilder().list("argv", {"/bin/true"}).text("memory_max", "50%")).error().to_string(),
      HasSubstr("must be a size"));
  EXPECT_THAT(
      run(ArgumentBuilder().list("argv", {"/bin/true"}).text("cpu_quota", "50MB")).error().to_string(),
      HasSubstr("share of one CPU"));
}

TEST_F(CommandRunTest, AUnitThatCannotBeStartedIsAnErrorAndNoChildIsTriedInstead) {
  const TempDir dir;
  CommandRun action([&](const BusAddress&) {
    return std::make_unique<TransientUnits>(BusAddress{"unix:path=" + (dir / "none")}, dir / "commands");
  });
  ASSERT_TRUE(ArgumentBuilder().list("argv", {"/usr/bin/touch", dir / "canary"}).fill(action));
  ActionContext context = fixture.context();
  EXPECT_EQ(action.run(context, report).error().code(), ErrorCode::unavailable);
  EXPECT_EQ(fact(report, "unit"), "chiron-run-run-1-0.service");
  EXPECT_FALSE(std::filesystem::exists(dir / "canary"));
}

TEST_F(CommandRunTest, BadArgumentsAreRefusedBeforeAnythingRuns) {
  EXPECT_THAT(run(ArgumentBuilder().list("argv", {"true"})).error().message(), HasSubstr("absolute path"));
  EXPECT_FALSE(run(ArgumentBuilder().list("argv", {})).ok());
  EXPECT_FALSE(run(ArgumentBuilder().list("argv", {"/bin/true"}).text("directory", "tmp")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().list("argv", {"/bin/true"}).text("expect_exit", "256")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().list("argv", {"/bin/true"}).pairs("environment", {{"A=B", "1"}})).ok());
  EXPECT_EQ(run(ArgumentBuilder().list("argv", {"/no/such"})).error().code(), ErrorCode::not_found);
  EXPECT_THAT(run(ArgumentBuilder().list("argv", {"/etc"})).error().message(),
              HasSubstr("not a regular file"));
  EXPECT_EQ(run(ArgumentBuilder().list("argv", {"/etc/passwd"})).error().code(),
            ErrorCode::permission_denied);
}

}  // namespace
}  // namespace chiron::remediation
