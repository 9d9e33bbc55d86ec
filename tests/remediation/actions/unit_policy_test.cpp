#include "remediation/actions/unit_policy.h"

#include "tests/support/unit_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using testing::End;
using ::testing::HasSubstr;
using testing::unit_down;
using testing::unit_in;
using Verdict = Judgement::Verdict;

TEST(UnitPolicyTest, SomeUnitsAreNeverTouched) {
  for (const char* name :
       {"dbus.service", "dbus.socket", "dbus-broker.service", "systemd-journald.service",
        "systemd-logind.service", "systemd-udevd.service", "ssh.service", "ssh.socket", "sshd.service",
        "sshd@1.service", "ssh@x.service", "chiron.service", "chiron-helper.timer", "user@0.service",
        "rescue.service", "multi-user.target", "home.mount", "system.slice", "session-1.scope"}) {
    EXPECT_EQ(check_not_denied(name).error().code(), ErrorCode::permission_denied) << name;
  }
  for (const char* name : {"", "../../etc", "nginx", "a b.service"}) {
    EXPECT_EQ(check_not_denied(name).error().code(), ErrorCode::invalid_argument) << name;
  }
  for (const char* name :
       {"nginx.service", "sshfs.service", "docker.socket", "logs.timer", "worker@1.service"}) {
    EXPECT_TRUE(check_not_denied(name)) << name;
  }
}

TEST(UnitPolicyTest, AliasesAndOurselvesAreDeniedToo) {
  UnitState unit;
  unit.id = "my-bus.service";
  unit.names = {"my-bus.service", "dbus.service"};
  EXPECT_EQ(check_not_denied(unit).error().code(), ErrorCode::permission_denied);
  unit.names = {"my-bus.service"};
  EXPECT_TRUE(check_not_denied(unit));
  unit.main_pid = static_cast<std::uint32_t>(::getpid());
  EXPECT_EQ(check_not_denied(unit).error().code(), ErrorCode::permission_denied);
}

TEST(UnitPolicyTest, InactiveUnitsAreHealedOnlyWhenTheyEndedByThemselves) {
  struct Case {
    const char* what;
    UnitState unit;
    bool watched;
    Verdict expected;
  };
  const Case cases[] = {
      {"exit 0 by itself", unit_down("inactive", "success", {}), true, Verdict::act},
      {"SIGTERM from elsewhere", unit_down("inactive", "success", {.code = CLD_KILLED, .status = SIGTERM}),
       true, Verdict::act},
      {"not watched", unit_down("inactive", "success", {}), false, Verdict::leave_alone},
      {"systemctl stop", unit_down("inactive", "success", {.main_exit = 21}), true, Verdict::leave_alone},
      {"the same instant", unit_down("inactive", "success", {.main_exit = 20}), true, Verdict::leave_alone},
      {"never started", unit_down("inactive", "success", {0, 0, 0, 0}), true, Verdict::leave_alone},
      {"no main process known", unit_down("inactive", "success", {.main_exit = 0}), true,
       Verdict::leave_alone},
      {"oneshot that remained, stopped",
       unit_down("inactive", "success", {.started = 5, .active = 10, .main_exit = 9}), true,
       Verdict::leave_alone},
      {"stopped while starting again", unit_down("inactive", "success", {.started = 30}), true,
       Verdict::leave_alone},
      {"stopped between automatic restarts", unit_down("inactive", "signal", {}), true, Verdict::leave_alone},
      {"failed, then reset-failed", unit_down("inactive", "success", {.status = 1}), true,
       Verdict::leave_alone},
      {"crashed, then reset-failed",
       unit_down("inactive", "success", {.code = CLD_DUMPED, .status = SIGSEGV}), true, Verdict::leave_alone},
  };
  for (const Case& one : cases) {
    for (const UnitVerb verb : {UnitVerb::start, UnitVerb::restart}) {
      EXPECT_EQ(judge(verb, one.unit, {.watched = one.watched}).verdict, one.expected) << one.what;
      EXPECT_EQ(judge(verb, one.unit, {.watched = one.watched, .manual = true}).verdict, Verdict::act)
          << one.what;
    }
  }
}

TEST(UnitPolicyTest, FailedUnitsAreHealedUnlessTheyFailedToStop) {
  const auto verdict = [](const UnitState& unit) { return judge(UnitVerb::restart, unit, {}).verdict; };
  EXPECT_EQ(verdict(unit_down("failed", "signal", {.code = CLD_KILLED, .status = SIGKILL})), Verdict::act);
  EXPECT_EQ(verdict(unit_down("failed", "exit-code", {.status = 1})), Verdict::act);
  EXPECT_EQ(verdict(unit_down("failed", "exit-code", {.started = 30, .status = 1})), Verdict::act)
      << "did not start again";
  EXPECT_EQ(verdict(unit_down("failed", "timeout", {.started = 30})), Verdict::act) << "start took too long";
  EXPECT_EQ(verdict(unit_down("failed", "watchdog", {.main_exit = 21})), Verdict::act);
  EXPECT_EQ(verdict(unit_down("failed", "oom-kill", {.main_exit = 21})), Verdict::act);
  EXPECT_EQ(verdict(unit_down("failed", "exit-code", {.main_exit = 21, .status = 143})), Verdict::leave_alone)
      << "systemctl stop";
  EXPECT_EQ(verdict(unit_down("failed", "timeout", {.main_exit = 25})), Verdict::leave_alone)
      << "systemctl stop, killed";
  const Judgement limit = judge(UnitVerb::start, unit_down("failed", "start-limit-hit", {.status = 1}), {});
  EXPECT_EQ(limit.verdict, Verdict::act);
  EXPECT_TRUE(limit.reset_failed);
}

TEST(UnitPolicyTest, SomebodyElsesTurnIsLeftAlone) {
  const auto verdict = [](UnitVerb verb, const UnitState& unit) {
    return judge(verb, unit, {.watched = true}).verdict;
  };
  EXPECT_EQ(verdict(UnitVerb::restart, unit_in("activating", "auto-restart", "signal")),
            Verdict::leave_alone);
  EXPECT_EQ(verdict(UnitVerb::stop, unit_in("activating", "auto-restart", "signal")), Verdict::act);
  EXPECT_EQ(verdict(UnitVerb::restart, unit_in("activating", "start")), Verdict::leave_alone);
  EXPECT_EQ(verdict(UnitVerb::restart, unit_in("deactivating", "stop-sigterm")), Verdict::leave_alone);
  UnitState busy = unit_in("active", "running");
  busy.job = 7;
  EXPECT_EQ(verdict(UnitVerb::restart, busy), Verdict::leave_alone);
  UnitState masked = unit_in("failed", "failed", "signal");
  masked.load_state = "masked";
  EXPECT_EQ(judge(UnitVerb::start, masked, {.watched = true, .manual = true}).verdict, Verdict::leave_alone);
  UnitState refuses = unit_in("active", "running");
  refuses.refuse_manual_stop = true;
  EXPECT_EQ(verdict(UnitVerb::restart, refuses), Verdict::leave_alone);
  EXPECT_EQ(verdict(UnitVerb::start, unit_in("active", "running")), Verdict::nothing_to_do);
  EXPECT_EQ(verdict(UnitVerb::stop, unit_in("failed", "failed", "signal")), Verdict::nothing_to_do);
}

TEST(UnitPolicyTest, OnlyWhatIsUpAndSaysHowIsReloaded) {
  const auto verdict = [](const UnitState& unit, bool manual = false) {
    return judge(UnitVerb::reload, unit, {.manual = manual}).verdict;
  };
  UnitState web = unit_in("active", "running");
  EXPECT_EQ(verdict(web, true), Verdict::leave_alone) << "it has no ExecReload=";
  web.can_reload = true;
  EXPECT_EQ(verdict(web), Verdict::act);
  web.refuse_manual_start = web.refuse_manual_stop = true;
  EXPECT_EQ(verdict(web), Verdict::act) << "systemd.unit(5): both are about starts and stops";
  web.job = 7;
  EXPECT_EQ(verdict(web), Verdict::leave_alone);
  for (const char* state : {"failed", "inactive", "activating", "deactivating"}) {
    UnitState other = unit_in(state, "dead");
    other.can_reload = true;
    EXPECT_EQ(verdict(other, true), Verdict::leave_alone) << state;
  }
}

}  // namespace
}  // namespace chiron::remediation
