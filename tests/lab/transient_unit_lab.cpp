#include "exporter/base/file.h"
#include "exporter/base/transient_unit.h"
#include "remediation/actions/command_run.h"
#include "tests/lab/lab_systemd.h"
#include "tests/support/action_fixture.h"

#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace chiron {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LabSystemd;
using ::testing::Not;
using namespace std::chrono_literals;

const std::string kDirectory = "/run/lab-commands/units";

/// Inside the lab's namespaces: inside-systemd.sh.
class TransientUnitLab : public ::testing::Test {
 protected:
  TransientCommand shell(const std::string& script, Duration timeout = 60s) {
    Command command;
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", "/usr/bin:/bin"}};
    command.timeout = timeout;
    command.grace = 2s;
    static int number = 0;
    return {.unit = "chiron-run-lab-" + std::to_string(number++) + ".service",
            .description = "a command of the lab",
            .command = command,
            .user = ""};
  }
  Result<TransientOutcome> run(const TransientCommand& command) {
    return TransientUnits(LabSystemd::bus(), kDirectory).run(command, cancel_, [this] { return leave_; });
  }
  Result<TransientOutcome> attach(const TransientCommand& command) {
    return TransientUnits(LabSystemd::bus(), kDirectory).attach(command, {}, [] { return false; });
  }
  /// Starts it, and leaves it once `when` exists.
  void leave_running(const TransientCommand& command, const std::string& when) {
    leave_ = true;
    std::thread leaver([&] {
      EXPECT_TRUE(eventually([&] { return std::filesystem::exists(when); })) << when;
      cancel_.cancel();
    });
    const auto left = run(command);
    leaver.join();
    ASSERT_TRUE(left) << left.error().to_string();
    EXPECT_TRUE(left->goes_on);
  }
  static bool eventually(const std::function<bool()>& holds) {
    const BootTime deadline = system_clock().boot() + 60s;
    while (!holds()) {
      if (system_clock().boot() > deadline) return false;
      CancelToken().wait_for(10ms);
    }
    return true;
  }
  /// The load state of the unit; "not-found" once systemd has forgotten it.
  std::string load_state(const std::string& unit) {
    const auto state = make_systemd_manager(LabSystemd::bus())->unit(unit, 20s);
    return state ? state->load_state : state.error().code() == ErrorCode::not_found ? "not-found" : "?";
  }
  void expect_nothing_left(const TransientCommand& command) {
    EXPECT_EQ(load_state(command.unit), "not-found");
    EXPECT_THAT(list_directory(kDirectory).value_or({}), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists("/run/systemd/transient/" + command.unit));
  }
  CancelToken cancel_;
  bool leave_ = false;
};

TEST_F(TransientUnitLab, OutputExitCodeEnvironmentAndDirectory) {
  TransientCommand command = shell("echo out; echo \"$SECRET\" >&2; pwd; cat; exit 7");
  const std::string secret = "a \"quoted\" $HOME `id` \\ one\nsecond line %n";
  command.command.environment.emplace_back("SECRET", secret);
  command.command.directory = "/usr/share";
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->command.exit_code, 7);
  EXPECT_EQ(outcome->command.signal, 0);
  EXPECT_EQ(outcome->result, "success") << "its exit code is its own affair";
  EXPECT_EQ(outcome->command.out, "out\n/usr/share\n");
  EXPECT_EQ(outcome->command.err, secret + "\n");
  EXPECT_GT(outcome->command.took, Duration::zero());
  expect_nothing_left(command);
}

TEST_F(TransientUnitLab, ArgumentsStayAsTheyAre) {
  TransientCommand command = shell("");
  const std::vector<std::string> hostile = {
      "$HOME", "${PATH}", "%n %%", "a b", "", "'\"\\", "; touch /run/canary"};
  command.command.argv = {"/usr/bin/printf", "%s|"};
  command.command.argv.insert(command.command.argv.end(), hostile.begin(), hostile.end());
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->command.out, "$HOME|${PATH}|%n %%|a b||'\"\\|; touch /run/canary|");
  EXPECT_FALSE(std::filesystem::exists("/run/canary"));
}

TEST_F(TransientUnitLab, AFloodIsReadAndDropped) {
  TransientCommand command = shell("head -c 20000000 /dev/zero; echo end >&2");
  command.command.output_limit = 1000;
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->command.exit_code, 0);
  EXPECT_EQ(outcome->command.out.size(), 1000U);
  EXPECT_TRUE(outcome->command.truncated);
  EXPECT_EQ(outcome->command.err, "end\n");
}

TEST_F(TransientUnitLab, TheDeadlineEndsTheWholeGroup) {
  TransientCommand command =
      shell("setsid sleep 600 & echo $! > /run/lab-child; trap '' TERM; while :; do sleep 600; done", 1s);
  command.command.grace = 200ms;
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_TRUE(outcome->command.timed_out);
  EXPECT_EQ(outcome->result, "timeout");
  const auto child = read_file("/run/lab-child");
  ASSERT_TRUE(child);
  EXPECT_TRUE(eventually([&] { return ::kill(std::atoi(child->c_str()), 0) != 0; }))
      << "left in another session";
  expect_nothing_left(command);
}

TEST_F(TransientUnitLab, CancellingEndsIt) {
  const TransientCommand command = shell("trap '' TERM; touch /run/lab-cancel; while :; do sleep 600; done");
  std::thread canceller([&] {
    EXPECT_TRUE(eventually([] { return std::filesystem::exists("/run/lab-cancel"); }));
    cancel_.cancel();
  });
  const auto outcome = run(command);
  canceller.join();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_TRUE(outcome->command.cancelled);
  expect_nothing_left(command);
}

TEST_F(TransientUnitLab, ChildrenDoNotOutliveTheProgram) {
  const TransientCommand command = shell("setsid sleep 600 & echo $! > /run/lab-orphan");
  ASSERT_TRUE(run(command));
  const auto child = read_file("/run/lab-orphan");
  ASSERT_TRUE(child);
  EXPECT_TRUE(eventually([&] { return ::kill(std::atoi(child->c_str()), 0) != 0; }));
}

TEST_F(TransientUnitLab, WhatIsLeftGoesOnAndIsTakenUpAgain) {
  const TransientCommand command = shell(
      "echo before; touch /run/lab-left; until test -e /run/lab-go; do sleep 0.02; done; head -c 500000 "
      "/dev/zero; "
      "echo after >&2; touch /run/lab-done; exit 9");
  leave_running(command, "/run/lab-left");
  EXPECT_EQ(load_state(command.unit), "loaded");
  // Under the same name it is not started a second time, and the attempt leaves it alone.
  EXPECT_FALSE(TransientUnits(LabSystemd::bus(), kDirectory).run(command, {}, [] { return false; }));
  // Nobody reads what it writes now.
  std::ofstream("/run/lab-go") << "";
  EXPECT_TRUE(eventually([] { return std::filesystem::exists("/run/lab-done"); }));
  const auto outcome = attach(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->command.exit_code, 9);
  EXPECT_EQ(outcome->command.err, "after\n");
  EXPECT_EQ(outcome->command.out.size(), command.command.output_limit);
  expect_nothing_left(command);
  EXPECT_EQ(attach(command).error().code(), ErrorCode::not_found);
}

TEST_F(TransientUnitLab, OneThatStillRunsIsWaitedFor) {
  const TransientCommand command =
      shell("touch /run/lab-waits; until test -e /run/lab-ends; do sleep 0.02; done; echo late");
  leave_running(command, "/run/lab-waits");
  std::thread ender([] {
    CancelToken().wait_for(300ms);
    std::ofstream("/run/lab-ends") << "";
  });
  const auto outcome = attach(command);
  ender.join();
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->command.out, "late\n");
}

TEST_F(TransientUnitLab, StoppedByAPersonItsEndIsNotKnown) {
  const TransientCommand command = shell("touch /run/lab-person; sleep 600");
  std::thread person([&] {
    EXPECT_TRUE(eventually([] { return std::filesystem::exists("/run/lab-person"); }));
    EXPECT_EQ(std::system(("systemctl stop " + command.unit).c_str()), 0);
  });
  const auto outcome = run(command);
  person.join();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("stopped by somebody else"));
  expect_nothing_left(command);
}

TEST_F(TransientUnitLab, WhatCannotBeExecutedIsToldBySystemd) {
  TransientCommand command = shell("true");
  command.user = "nobody";
  command.command.argv = {"/run/lab-private/program"};
  std::filesystem::create_directory("/run/lab-private");
  std::ofstream("/run/lab-private/program") << "#!/bin/sh\n";
  std::filesystem::permissions("/run/lab-private/program", std::filesystem::perms::owner_all);
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->result, "exit-code");
  EXPECT_EQ(outcome->command.exit_code, 203) << "EXIT_EXEC of systemd.exec(5)";
  expect_nothing_left(command);
}

TEST_F(TransientUnitLab, LimitsAndUserReachSystemd) {
  TransientCommand command =
      shell("id -un; systemctl show -P MemoryMax -P CPUQuotaPerSecUSec -P Environment -P KillMode " +
            std::string("$UNIT"));
  command.unit = "chiron-run-limits-0.service";
  command.command.environment.emplace_back("UNIT", command.unit);
  command.user = "nobody";
  command.memory_max = 64 << 20;
  command.cpu_percent = 50;
  const auto outcome = run(command);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_THAT(outcome->command.out,
              AllOf(HasSubstr("nobody\n"), HasSubstr("67108864\n"), HasSubstr("500ms\n"),
                    HasSubstr("control-group\n"), Not(HasSubstr("UNIT="))));
}

TEST_F(TransientUnitLab, TheActionUsesThemHere) {
  testing::ActionFixture fixture;
  remediation::CommandRun action;
  ASSERT_TRUE(testing::ArgumentBuilder()
                  .list("argv", {"/bin/sh", "-c", "cat /proc/self/cgroup; echo oops >&2; exit 3"})
                  .text("user", "nobody")
                  .fill(action));
  remediation::ActionContext context = fixture.context(60s);
  remediation::Report report;
  const Status status = action.run(context, report);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().to_string(), HasSubstr("ended with exit code 3, expected 0: oops"));
  EXPECT_THAT(report.facts, ::testing::Contains(::testing::Pair(
                                "stdout", HasSubstr("system.slice/chiron-run-run-1-0.service"))));
  EXPECT_EQ(action.resume(context, report).error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron
