#include "remediation/actions/service.h"

#include "remediation/actions/unit_policy.h"
#include "tests/support/action_fixture.h"
#include "tests/support/fake_systemd.h"
#include "tests/support/unit_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

using testing::ActionFixture;
using ::testing::AllOf;
using testing::ArgumentBuilder;
using ::testing::Contains;
using testing::FakeSystemd;
using testing::FakeSystemdState;
using ::testing::HasSubstr;
using testing::unit_down;
using testing::unit_in;
using Verdict = Judgement::Verdict;

class ServiceActionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    systemd_->units["web.service"] = unit_down("failed", "signal", {.code = CLD_KILLED, .status = SIGKILL});
    up_ = unit_in("active", "running");
    up_.invocation_id = "bb";
    systemd_->after_job["web.service"] = up_;
  }
  template <class T>
  Status run(const std::string& unit = "web.service") {
    T action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd_); });
    if (Status filled = ArgumentBuilder().text("unit", unit).fill(action); !filled) return filled;
    ActionContext context = fixture_.context(within_);
    context.manual = manual_;
    return action.run(context, report_);
  }
  Status reload(bool or_restart = false) {
    ServiceReload action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd_); });
    ArgumentBuilder arguments;
    arguments.text("unit", "web").text("or_restart", or_restart ? "true" : "false");
    if (Status filled = arguments.fill(action); !filled) return filled;
    ActionContext context = fixture_.context(within_);
    Result<Plan> plan = action.plan(context);
    planned_ = plan ? plan->summary : plan.error().to_string();
    return action.run(context, report_);
  }
  /// A unit that is up and can be reloaded.
  void make_reloadable() {
    up_.can_reload = true;
    systemd_->units["web.service"] = up_;
    systemd_->after_job["web.service"] = up_;
  }
  Result<Plan> plan(const std::string& unit = "web.service") {
    ServiceRestart action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd_); });
    if (Status filled = ArgumentBuilder().text("unit", unit).fill(action); !filled)
      return std::move(filled).error();
    ActionContext context = fixture_.context();
    return action.plan(context);
  }
  bool asked(const std::string& call) const {
    return std::find(systemd_->calls.begin(), systemd_->calls.end(), call) != systemd_->calls.end();
  }
  std::shared_ptr<FakeSystemdState> systemd_ = std::make_shared<FakeSystemdState>();
  UnitState up_;
  ActionFixture fixture_;
  Report report_;
  std::string planned_;
  bool manual_ = false;
  Duration within_ = std::chrono::seconds(30);
};

TEST_F(ServiceActionTest, RestartsAFailedUnit) {
  const Status status = run<ServiceRestart>("web");
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_TRUE(asked("restart web.service"));
  EXPECT_EQ(report_.summary, "restarted web.service");
  EXPECT_THAT(report_.facts, Contains(std::pair<std::string, std::string>("job_result", "done")));
  EXPECT_FALSE(asked("reset-failed web.service"));
}

TEST_F(ServiceActionTest, ResetsAStartLimit) {
  systemd_->units["web.service"].result = "start-limit-hit";
  ASSERT_TRUE(run<ServiceStart>());
  EXPECT_THAT(systemd_->calls,
              ::testing::ElementsAre("unit web.service", "unit web.service", "reset-failed web.service",
                                     "start web.service", "unit web.service"));
}

TEST_F(ServiceActionTest, ResetsAStartLimitThatShowsOnlyWhenTried) {
  systemd_->start_limit_hit = true;
  const Status status = run<ServiceRestart>();
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(systemd_->calls,
              ::testing::ElementsAre("unit web.service", "restart web.service", "unit web.service",
                                     "reset-failed web.service", "restart web.service", "unit web.service"));
}

TEST_F(ServiceActionTest, JudgesAgainRightBeforeTheJobIsQueued) {
  struct Case {
    const char* what;
    std::function<void(UnitState&)> meanwhile;
    const char* says;
  };
  const Case cases[] = {
      {"masked", [](UnitState& unit) { unit.load_state = "masked"; }, "masked"},
      {"stopped for good",
       [](UnitState& unit) {
         unit = unit_down("inactive", "success", {.code = CLD_KILLED, .status = SIGKILL});
       },
       "not watched"},
      {"a job of somebody else", [](UnitState& unit) { unit.job = 7; }, "job under way"},
      {"started anew", [](UnitState& unit) { unit.invocation_id = "cc"; }, "by somebody else meanwhile"},
      {"given a denied name", [](UnitState& unit) { unit.names.push_back("sshd.service"); }, "never touched"},
      {"given a unit that hangs on it", [](UnitState& unit) { unit.takes_along = {"x.service"}; },
       "other dependencies"},
      {"made an alias",
       [](UnitState& unit) {
         unit.id = "other.service";
         unit.names = {"other.service", "web.service"};
       },
       "has become other.service"},
  };
  for (const Case& one : cases) {
    SetUp();
    systemd_->before_job = one.meanwhile;
    const Status status = run<ServiceRestart>();
    ASSERT_FALSE(status) << one.what;
    EXPECT_THAT(status.error().to_string(), HasSubstr(one.says)) << one.what;
    EXPECT_FALSE(asked("restart web.service")) << one.what;
  }
}

TEST_F(ServiceActionTest, WhatIsThereAlreadyWhenTheJobIsDueIsLeft) {
  systemd_->before_job = [](UnitState& unit) { unit.active_state = "active"; };
  EXPECT_THAT(run<ServiceStart>().error().to_string(), HasSubstr("left alone: it is active"));
  EXPECT_FALSE(asked("start web.service"));
}

TEST_F(ServiceActionTest, JudgesAgainBeforeAndAfterAStartLimitIsReset) {
  systemd_->start_limit_hit = true;
  systemd_->after_refusal = [](UnitState& unit) { unit.load_state = "masked"; };
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("masked"));
  EXPECT_FALSE(asked("reset-failed web.service"));

  SetUp();
  systemd_->calls.clear();
  systemd_->after_refusal = nullptr;
  systemd_->before_job = [this](UnitState& unit) {
    if (!systemd_->start_limit_hit) unit.job = 7;
  };
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("job under way"));
  EXPECT_TRUE(asked("reset-failed web.service"));
  EXPECT_EQ(std::ranges::count(systemd_->calls, "restart web.service"), 1) << "the one that was refused";
}

TEST_F(ServiceActionTest, QueuesNothingPastTheDeadline) {
  within_ = Duration::zero();
  EXPECT_EQ(run<ServiceRestart>().error().code(), ErrorCode::timed_out);
  EXPECT_FALSE(asked("restart web.service"));
}

TEST_F(ServiceActionTest, AcceptedIsNotDone) {
  systemd_->job_result = "failed";
  EXPECT_THAT(run<ServiceRestart>().error().to_string(),
              AllOf(HasSubstr("job failed"), HasSubstr("journalctl -u web.service")));
  systemd_->job_result = "dependency";
  systemd_->units["web.service"] = unit_down("failed", "exit-code", {.status = 1});
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("requires did not start"));
}

TEST_F(ServiceActionTest, TheSameInvocationIsNoRestart) {
  systemd_->after_job["web.service"].invocation_id = "aa";
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("not started anew"));
}

TEST_F(ServiceActionTest, AServiceThatEndsAtOnceIsNoSuccess) {
  systemd_->settled["web.service"] = unit_down("failed", "exit-code", {.status = 1});
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("did not stay up"));
  SetUp();
  systemd_->settled["web.service"] = up_;
  systemd_->settled["web.service"].invocation_id = "cc";
  EXPECT_THAT(run<ServiceRestart>().error().to_string(), HasSubstr("started it again"));
}

TEST_F(ServiceActionTest, AOneshotIsDoneWhenItSucceeded) {
  up_.type = "oneshot";
  up_.active_state = "inactive";
  systemd_->after_job["web.service"] = up_;
  EXPECT_TRUE(run<ServiceStart>());
  up_.result = "exit-code";
  up_.active_state = "failed";
  SetUp();
  up_.type = "oneshot";
  up_.active_state = "failed";
  systemd_->after_job["web.service"] = up_;
  EXPECT_FALSE(run<ServiceStart>());
}

TEST_F(ServiceActionTest, AnOperatorsStopIsLeftAlone) {
  fixture_.watched_services = {"web"};
  systemd_->units["web.service"] = unit_down("inactive", "success", {.main_exit = 21});
  const Status status = run<ServiceRestart>();
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(status.error().to_string(), HasSubstr("stopped on request"));
  EXPECT_FALSE(asked("restart web.service"));
  manual_ = true;
  EXPECT_TRUE(run<ServiceRestart>());
}

TEST_F(ServiceActionTest, AWatchedServiceMayBeKnownByAnAlias) {
  fixture_.watched_services = {"www"};
  systemd_->units["web.service"] = unit_down("inactive", "success", {});
  systemd_->units["web.service"].names = {"web.service", "www.service"};
  EXPECT_TRUE(run<ServiceRestart>());
}

TEST_F(ServiceActionTest, DeniedUnitsAreDeniedByAnyName) {
  manual_ = true;
  EXPECT_EQ(run<ServiceStop>("sshd").error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(run<ServiceRestart>("../../etc/x.service").error().code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(systemd_->calls.empty());
  systemd_->units["ssh.service"] = unit_in("active", "running");
  systemd_->units["ssh.service"].id = "ssh.service";
  systemd_->aliases["harmless.service"] = "ssh.service";
  EXPECT_EQ(run<ServiceStop>("harmless").error().code(), ErrorCode::permission_denied);
  EXPECT_FALSE(asked("stop ssh.service"));
}

TEST_F(ServiceActionTest, ADeniedUnitThatWouldStopAlongProtectsTheTarget) {
  manual_ = true;
  const auto add = [&](const std::string& id, std::vector<std::string> takes_along) {
    UnitState unit = unit_in("active", "running");
    unit.id = id;
    unit.names = {id};
    unit.takes_along = std::move(takes_along);
    systemd_->units[id] = unit;
  };
  add("db.service", {"app.service", "absent.service", "db.service"});
  add("app.service", {"app.target", "db.service"});  // a circle is no endless walk
  add("app.target", {"ssh.service"});
  add("ssh.service", {});
  const std::string why = run<ServiceStop>("db").error().to_string();
  EXPECT_THAT(why, AllOf(HasSubstr("db.service is left alone"), HasSubstr("also stop ssh.service"),
                         HasSubstr("hangs on app.target")));
  EXPECT_EQ(run<ServiceRestart>("db").error().code(), ErrorCode::permission_denied);
  EXPECT_FALSE(asked("stop db.service"));
  EXPECT_FALSE(asked("restart db.service"));
  EXPECT_EQ(plan("db.service").error().code(), ErrorCode::permission_denied);

  // One that is down is not stopped, and neither is what hangs on it.
  systemd_->units["app.service"].active_state = "inactive";
  systemd_->after_job["db.service"] = systemd_->units["db.service"];
  systemd_->after_job["db.service"].active_state = "inactive";
  EXPECT_TRUE(run<ServiceStop>("db"));
}

TEST_F(ServiceActionTest, AStartThatStopsADeniedUnitIsRefused) {
  systemd_->units["web.service"].conflicts = {"sshd.service"};
  UnitState sshd = unit_in("active", "running");
  sshd.id = "sshd.service";
  sshd.names = {"sshd.service"};
  systemd_->units["sshd.service"] = sshd;
  EXPECT_THAT(run<ServiceStart>().error().to_string(), HasSubstr("which conflicts with web.service"));
  EXPECT_FALSE(asked("start web.service"));
  systemd_->units["sshd.service"].active_state = "inactive";
  EXPECT_TRUE(run<ServiceStart>());
}

TEST_F(ServiceActionTest, StopsAndKnowsWhatIsDown) {
  systemd_->units["web.service"] = unit_in("active", "running");
  systemd_->after_job["web.service"] = unit_down("inactive", "success", {});
  ASSERT_TRUE(run<ServiceStop>());
  EXPECT_EQ(report_.summary, "stopped web.service");
  ASSERT_TRUE(run<ServiceStop>());
  EXPECT_EQ(report_.summary, "web.service is inactive already");
}

TEST_F(ServiceActionTest, ReloadsInTheSameInvocation) {
  make_reloadable();
  const Status status = reload();
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_TRUE(asked("reload web.service"));
  EXPECT_EQ(planned_, "reload web.service: it is active");
  EXPECT_EQ(report_.summary, "reloaded web.service");
  EXPECT_THAT(report_.facts, Contains(std::pair<std::string, std::string>("invocation_id", "bb")));

  systemd_->job_result = "failed";
  EXPECT_THAT(reload().error().to_string(), HasSubstr("reload web.service: job failed"));
  systemd_->job_result = "done";
  systemd_->after_job["web.service"].invocation_id = "cc";
  EXPECT_THAT(reload().error().to_string(), HasSubstr("started anew meanwhile"));
  make_reloadable();
  systemd_->settled["web.service"] = unit_down("failed", "exit-code", {.status = 1});
  EXPECT_THAT(reload().error().to_string(), HasSubstr("did not stay up"));
}

TEST_F(ServiceActionTest, WhatCannotBeReloadedIsSaidOrRestarted) {
  systemd_->units["web.service"] = unit_in("active", "running");
  const Status refused = reload();
  EXPECT_EQ(refused.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(refused.error().to_string(), AllOf(HasSubstr("CanReload=no"), HasSubstr("restart it")));
  EXPECT_THAT(planned_, HasSubstr("leave alone web.service: it cannot be reloaded"));
  EXPECT_FALSE(asked("reload web.service"));
  ASSERT_TRUE(reload(true));
  EXPECT_EQ(planned_, "restart web.service: it is active");
  EXPECT_TRUE(asked("restart web.service"));

  SetUp();  // it failed, and may be able to reload when it is up
  systemd_->units["web.service"].can_reload = true;
  EXPECT_THAT(reload().error().to_string(), HasSubstr("nothing to reload"));
  ASSERT_TRUE(reload(true));
  EXPECT_EQ(planned_, "restart web.service: it failed (signal)");

  // An operator's stop is a stop for this too.
  systemd_->units["web.service"] = unit_down("inactive", "success", {.main_exit = 21});
  fixture_.watched_services = {"web"};
  EXPECT_THAT(reload(true).error().to_string(), HasSubstr("stopped on request"));
}

TEST_F(ServiceActionTest, AReloadThatReachesADeniedUnitIsRefused) {
  make_reloadable();
  systemd_->units["web.service"].reloads_along = {"between.service"};
  UnitState between = unit_in("active", "running");
  between.id = "between.service";
  between.reloads_along = {"sshd.service"};
  UnitState sshd = unit_in("active", "running");
  sshd.id = "sshd.service";
  systemd_->units["between.service"] = between;
  systemd_->units["sshd.service"] = sshd;
  EXPECT_THAT(reload().error().to_string(),
              AllOf(HasSubstr("also reload sshd.service"), HasSubstr("along with between.service")));
  EXPECT_FALSE(asked("reload web.service"));
  systemd_->units["between.service"].active_state = "inactive";
  EXPECT_TRUE(reload()) << "systemd reloads only what is up";
}

TEST_F(ServiceActionTest, PlansSayWhatAndWhyNot) {
  EXPECT_EQ(plan()->summary, "restart web.service: it failed (signal)");
  EXPECT_EQ(plan()->objects, 1U);
  systemd_->units["web.service"].result = "start-limit-hit";
  EXPECT_THAT(plan()->summary, HasSubstr("after resetting its start limit"));
  systemd_->units["web.service"] = unit_in("activating", "auto-restart", "signal");
  EXPECT_THAT(plan()->summary, AllOf(HasSubstr("leave alone web.service"), HasSubstr("systemd")));
  EXPECT_EQ(plan()->objects, 0U);
  EXPECT_EQ(plan("absent.service").error().code(), ErrorCode::not_found);
  EXPECT_TRUE(std::none_of(systemd_->calls.begin(), systemd_->calls.end(),
                           [](const std::string& call) { return !call.starts_with("unit "); }));
}

TEST_F(ServiceActionTest, ABusThatFailsIsAnError) {
  systemd_->failure = Error(ErrorCode::unavailable, "connect: gone");
  EXPECT_EQ(run<ServiceRestart>().error().code(), ErrorCode::unavailable);
}

}  // namespace
}  // namespace chiron::remediation
