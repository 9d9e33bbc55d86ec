#include "exporter/collectors/systemd.h"
#include "remediation/actions/service.h"
#include "remediation/actions/service_property.h"
#include "remediation/actions/service_rolling.h"
#include "remediation/actions/unit_policy.h"
#include "tests/lab/lab_systemd.h"
#include "tests/support/action_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using testing::ActionFixture;
using ::testing::AllOf;
using testing::ArgumentBuilder;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::LabSystemd;
using namespace std::chrono_literals;

/// A service that stays, wanted by the running target: systemd forgets the history of an inactive unit that
/// nobody refers to.
void add_wanted(const std::string& name, const std::string& service) {
  LabSystemd::add_service(name, service);
  LabSystemd::run("mkdir -p /run/systemd/system/lab.target.wants; ln -sf ../" + name +
                  " /run/systemd/system/lab.target.wants/" + name +
                  "; systemctl daemon-reload; systemctl start " + name);
}

class ServiceLab : public ::testing::Test {
 protected:
  template <class T>
  Status run(const std::string& unit, Duration within = 60s) {
    T action;
    report_ = {};
    if (Status filled = ArgumentBuilder().text("unit", unit).fill(action); !filled) return filled;
    ActionContext context = this->context(within);
    return action.run(context, report_);
  }
  std::string plan(const std::string& unit) {
    ServiceRestart action;
    if (Status filled = ArgumentBuilder().text("unit", unit).fill(action); !filled)
      return filled.error().to_string();
    ActionContext context = this->context(20s);
    auto plan = action.plan(context);
    return plan ? plan->summary : plan.error().to_string();
  }
  ActionContext context(Duration within) {
    return {.paths = fixture_.paths,
            .clock = fixture_.clock,
            .log = fixture_.log,
            .isolation = fixture_.isolation,
            .cancel = fixture_.cancel,
            .deadline = fixture_.clock.boot() + within,
            .deletion = fixture_.deletion,
            .bus = LabSystemd::bus(),
            .watched_services = fixture_.watched_services,
            .run_id = "run-1",
            .manual = manual_};
  }
  /// Waits until the unit is in one of the states.
  UnitState wait_for(const std::string& unit, const std::vector<std::string>& states) {
    const BootTime deadline = system_clock().boot() + 60s;
    const CancelToken pause;
    for (;;) {
      auto state = manager_->unit(unit, 20s);
      EXPECT_TRUE(state) << state.error().to_string();
      if (!state) return {};
      if (std::find(states.begin(), states.end(), state->active_state) != states.end()) return *state;
      if (system_clock().boot() > deadline) {
        ADD_FAILURE() << unit << " stays " << state->active_state;
        return *state;
      }
      pause.wait_for(20ms);
    }
  }
  ActionFixture fixture_;
  Report report_;
  bool manual_ = false;
  std::unique_ptr<SystemdManager> manager_ = make_systemd_manager(LabSystemd::bus());
};

TEST_F(ServiceLab, AKilledServiceIsRestarted) {
  add_wanted("killed.service", "Type=exec\nExecStart=/bin/sleep infinity");
  const UnitState first = wait_for("killed.service", {"active"});
  EXPECT_EQ(LabSystemd::run("systemctl kill -s KILL killed.service"), 0);
  EXPECT_EQ(wait_for("killed.service", {"failed"}).result, "signal");
  EXPECT_EQ(plan("killed.service"), "restart killed.service: it failed (signal)");
  const Status status = run<ServiceRestart>("killed.service");
  ASSERT_TRUE(status) << status.error().to_string();
  const UnitState second = wait_for("killed.service", {"active"});
  EXPECT_NE(second.invocation_id, first.invocation_id);
  EXPECT_THAT(report_.facts,
              Contains(std::pair<std::string, std::string>("invocation_id", second.invocation_id)));
}

TEST_F(ServiceLab, ACrashLoopAtItsStartLimitIsResetAndThenStaysUp) {
  LabSystemd::add_service(
      "loop.service",
      "Type=exec\nExecStart=/bin/sh -c \"test -e /run/loop-works && exec sleep infinity\"\n"
      "Restart=on-failure\nRestartSec=0",
      "StartLimitIntervalSec=1h\nStartLimitBurst=3");
  LabSystemd::run("systemctl start --no-block loop.service");
  EXPECT_EQ(wait_for("loop.service", {"failed"}).restarts, 3U);
  const Status failing = run<ServiceRestart>("loop.service");
  ASSERT_FALSE(failing);
  EXPECT_THAT(failing.error().to_string(), HasSubstr("loop.service"));
  wait_for("loop.service", {"failed"});

  LabSystemd::write("/run/loop-works", "");
  const Status status = run<ServiceRestart>("loop.service");
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(report_.facts, Contains(std::pair<std::string, std::string>("start_limit", "reset")));
}

TEST_F(ServiceLab, SystemdsOwnRestartComesFirst) {
  LabSystemd::add_service("waits.service",
                          "Type=exec\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=1h");
  LabSystemd::run("systemctl start waits.service; systemctl kill -s KILL waits.service");
  EXPECT_EQ(wait_for("waits.service", {"activating"}).sub_state, "auto-restart");
  EXPECT_THAT(run<ServiceRestart>("waits.service").error().to_string(), HasSubstr("its turn first"));
  // A person who stops it between two restarts wants it stopped.
  LabSystemd::run("systemctl stop waits.service");
  fixture_.watched_services = {"waits.service"};
  EXPECT_EQ(run<ServiceRestart>("waits.service").error().code(), ErrorCode::failed_precondition);
}

TEST_F(ServiceLab, AStopByHandIsLeftAlone) {
  fixture_.watched_services = {"byhand.service", "stubborn.service"};
  add_wanted("byhand.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run("systemctl stop byhand.service");
  EXPECT_THAT(run<ServiceRestart>("byhand.service").error().to_string(), HasSubstr("stopped on request"));
  EXPECT_THAT(plan("byhand.service"), HasSubstr("leave alone byhand.service"));
  // One that ends with an error when it is stopped is "failed", and was stopped all the same.
  add_wanted("stubborn.service",
             "Type=exec\nExecStart=/bin/sh -c \"trap \\\"exit 143\\\" TERM; sleep infinity & wait\"");
  LabSystemd::run("systemctl stop stubborn.service");
  EXPECT_EQ(wait_for("stubborn.service", {"failed"}).result, "exit-code");
  EXPECT_THAT(run<ServiceRestart>("stubborn.service").error().to_string(),
              HasSubstr("being stopped on request"));
  manual_ = true;
  const Status status = run<ServiceRestart>("byhand.service");
  EXPECT_TRUE(status) << status.error().to_string();
}

TEST_F(ServiceLab, AWatchedServiceThatEndsByItselfIsHealed) {
  add_wanted("ends.service",
             "Type=exec\nExecStart=/bin/sh -c \"while ! test -e /run/ends-now; do sleep 0.02; done\"");
  wait_for("ends.service", {"active"});
  LabSystemd::write("/run/ends-now", "");
  EXPECT_EQ(wait_for("ends.service", {"inactive"}).result, "success");
  LabSystemd::run("rm /run/ends-now");
  EXPECT_THAT(run<ServiceRestart>("ends.service").error().to_string(), HasSubstr("not watched"));
  fixture_.watched_services = {"ends"};
  const Status status = run<ServiceRestart>("ends.service");
  EXPECT_TRUE(status) << status.error().to_string();
  // A SIGTERM that did not come from systemd: clean to systemd, and nobody asked systemd for a stop.
  LabSystemd::run("kill -TERM $(systemctl show -P MainPID ends.service)");
  EXPECT_EQ(wait_for("ends.service", {"inactive"}).result, "success");
  EXPECT_TRUE(run<ServiceRestart>("ends.service"));
}

TEST_F(ServiceLab, AFailureThatAPersonResetIsLeftAlone) {
  fixture_.watched_services = {"acked.service"};
  add_wanted("acked.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run("systemctl kill -s KILL acked.service");
  wait_for("acked.service", {"failed"});
  LabSystemd::run("systemctl reset-failed acked.service");
  EXPECT_THAT(run<ServiceRestart>("acked.service").error().to_string(), HasSubstr("reset its failed state"));
}

TEST_F(ServiceLab, AServiceThatEndsAtOnceIsNoSuccess) {
  LabSystemd::add_service("brief.service", "Type=simple\nExecStart=/bin/false");
  LabSystemd::run("systemctl start brief.service");
  wait_for("brief.service", {"failed"});
  EXPECT_FALSE(run<ServiceRestart>("brief.service"));
  LabSystemd::add_service("once.service", "Type=oneshot\nExecStart=/bin/true");
  manual_ = true;
  const Status status = run<ServiceStart>("once.service");
  EXPECT_TRUE(status) << status.error().to_string();
}

TEST_F(ServiceLab, ASlowStopEndsAtTheDeadlineOfTheStep) {
  add_wanted("slowstop.service", "Type=exec\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep 30");
  wait_for("slowstop.service", {"active"});
  const Status status = run<ServiceRestart>("slowstop.service", 3s);
  EXPECT_EQ(status.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(status.error().to_string(), HasSubstr("left to systemd"));
  LabSystemd::run("systemctl kill -s KILL slowstop.service");
}

TEST_F(ServiceLab, DeniedMaskedAndAbsentUnitsAreRefused) {
  manual_ = true;
  EXPECT_EQ(run<ServiceStop>("dbus.service").error().code(), ErrorCode::permission_denied);
  LabSystemd::run("ln -sf dbus.service /run/systemd/system/innocent.service; systemctl daemon-reload");
  EXPECT_THAT(run<ServiceStop>("innocent.service").error().to_string(),
              HasSubstr("dbus.service is never touched"));
  EXPECT_EQ(wait_for("dbus.service", {"active"}).id, "dbus.service");
  LabSystemd::run("ln -sf /dev/null /run/systemd/system/hidden.service; systemctl daemon-reload");
  EXPECT_THAT(run<ServiceStart>("hidden.service").error().to_string(), HasSubstr("masked"));
  EXPECT_EQ(run<ServiceStart>("absent.service").error().code(), ErrorCode::not_found);
}

TEST_F(ServiceLab, WhatHangsOnAUnitProtectsIt) {
  manual_ = true;
  LabSystemd::add_service("below.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::add_service("between.service", "Type=exec\nExecStart=/bin/sleep infinity",
                          "PartOf=below.service\nAfter=below.service");
  LabSystemd::add_service("sshd-lab.service", "Type=exec\nExecStart=/bin/sleep infinity",
                          "BindsTo=between.service\nAfter=between.service");
  LabSystemd::run("systemctl start below.service between.service sshd-lab.service");
  const std::string invocation = wait_for("sshd-lab.service", {"active"}).invocation_id;
  for (const Status& status : {run<ServiceRestart>("below.service"), run<ServiceStop>("below.service")}) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), ErrorCode::permission_denied);
    EXPECT_THAT(status.error().to_string(),
                AllOf(HasSubstr("also stop sshd-lab.service"), HasSubstr("hangs on between.service")));
  }
  EXPECT_EQ(wait_for("sshd-lab.service", {"active"}).invocation_id, invocation);
  // That systemd would have done so:
  LabSystemd::run("systemctl stop below.service");
  EXPECT_EQ(wait_for("sshd-lab.service", {"inactive", "failed"}).active_state, "inactive");
  LabSystemd::run("systemctl start below.service");
  EXPECT_TRUE(run<ServiceRestart>("below.service")) << "nothing that is up hangs on it now";
}

TEST_F(ServiceLab, AReloadIsSeenToBeDone) {
  add_wanted("reads.service",
             "Type=exec\nExecStart=/bin/sleep infinity\n"
             "ExecReload=/bin/sh -c \"echo again >> /run/reads.log; ! test -e /run/reads-fails\"");
  const UnitState before = wait_for("reads.service", {"active"});
  const Status status = run<ServiceReload>("reads.service");
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_EQ(LabSystemd::run("test $(wc -l < /run/reads.log) = 1"), 0);
  const UnitState after = wait_for("reads.service", {"active"});
  EXPECT_EQ(after.invocation_id, before.invocation_id);
  EXPECT_EQ(after.main_pid, before.main_pid);

  LabSystemd::write("/run/reads-fails", "");
  EXPECT_THAT(run<ServiceReload>("reads.service").error().to_string(), HasSubstr("job failed"));
  EXPECT_EQ(wait_for("reads.service", {"active"}).invocation_id, before.invocation_id);

  add_wanted("deaf.service", "Type=exec\nExecStart=/bin/sleep infinity");
  EXPECT_THAT(run<ServiceReload>("deaf.service").error().to_string(), HasSubstr("CanReload=no"));
  LabSystemd::run("systemctl stop reads.service");
  EXPECT_THAT(run<ServiceReload>("reads.service").error().to_string(), HasSubstr("nothing to reload"));
}

TEST_F(ServiceLab, WhatIsReloadedAlongProtectsAUnit) {
  manual_ = true;
  LabSystemd::add_service(
      "sshd-reload.service",
      "Type=exec\nExecStart=/bin/sleep infinity\nExecReload=/bin/touch /run/sshd-reloaded");
  LabSystemd::add_service("source.service", "Type=exec\nExecStart=/bin/sleep infinity\nExecReload=/bin/true",
                          "PropagatesReloadTo=sshd-reload.service");
  LabSystemd::run("systemctl start source.service sshd-reload.service");
  EXPECT_THAT(run<ServiceReload>("source.service").error().to_string(),
              HasSubstr("also reload sshd-reload.service"));
  EXPECT_NE(LabSystemd::run("test -e /run/sshd-reloaded"), 0);
  // That systemd would have done so:
  LabSystemd::run("systemctl reload source.service");
  EXPECT_EQ(LabSystemd::run(
                "for i in $(seq 100); do test -e /run/sshd-reloaded && exit 0; sleep 0.05; done; exit 1"),
            0);
}

TEST_F(ServiceLab, ARollingRestartEndsAtTheFirstThatDoesNotComeUp) {
  LabSystemd::add_service(
      "roll@.service", "Type=exec\nExecStart=/bin/sh -c \"! test -e /run/roll-%i && exec sleep infinity\"");
  LabSystemd::run("systemctl start roll@1.service roll@2.service roll@3.service");
  std::map<std::string, std::string> before;
  for (const char* name : {"roll@1.service", "roll@2.service", "roll@3.service"}) {
    before[name] = wait_for(name, {"active"}).invocation_id;
  }
  const auto roll = [&] {
    ServiceRollingRestart action;
    report_ = {};
    EXPECT_TRUE(ArgumentBuilder().list("units", {"roll@*"}).text("settle", "300ms").fill(action));
    ActionContext context = this->context(60s);
    return action.run(context, report_);
  };
  const Status all = roll();
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ(report_.summary, "restarted 3 of 3 units");
  for (auto& [name, invocation] : before) {
    const std::string now = wait_for(name, {"active"}).invocation_id;
    EXPECT_NE(now, invocation) << name;
    invocation = now;
  }
  LabSystemd::write("/run/roll-2", "");
  const Status stopped = roll();
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().to_string(), HasSubstr("stopped after 1 of 3 units"));
  EXPECT_EQ(report_.summary, "restarted 1 of 3 units, then roll@2.service failed");
  EXPECT_EQ(wait_for("roll@3.service", {"active"}).invocation_id, before["roll@3.service"]) << "not touched";
}

TEST_F(ServiceLab, PropertiesAreSetUntilTheReboot) {
  add_wanted("limited.service", "Type=exec\nExecStart=/bin/sleep infinity\nTasksMax=50");
  wait_for("limited.service", {"active"});
  ServiceSetProperty action;
  ASSERT_TRUE(ArgumentBuilder()
                  .text("unit", "limited")
                  .text("tasks_max", "20")
                  .text("cpu_quota", "25%")
                  .text("memory_high", "64MiB")
                  .fill(action));
  ActionContext context = this->context(30s);
  report_ = {};
  const Status status = action.run(context, report_);
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(report_.facts, Contains(std::pair<std::string, std::string>("TasksMax_before", "50")));
  EXPECT_EQ(LabSystemd::run("test $(systemctl show -P TasksMax limited) = 20 && "
                            "test $(systemctl show -P CPUQuotaPerSecUSec limited) = 250ms && "
                            "test $(systemctl show -P MemoryHigh limited) = 67108864 && "
                            "test -d /run/systemd/system.control/limited.service.d && "
                            "! test -e /etc/systemd/system.control"),
            0);
}

TEST_F(ServiceLab, TheCollectorSeesTheRealSystemd) {
  add_wanted("seen.service", "Type=exec\nExecStart=/bin/sleep infinity");
  add_wanted("eye.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run("ln -sf eye.service /run/systemd/system/sight.service; systemctl daemon-reload");
  Catalogue catalogue;
  PassFiles files(fixture_.clock);
  CollectorContext with{.paths = fixture_.paths,
                        .clock = fixture_.clock,
                        .catalogue = catalogue,
                        .log = fixture_.log,
                        .files = files,
                        .options = default_options(kSystemdOptions),
                        .bus = LabSystemd::bus(),
                        .watched_services = {"sight", "absent"},
                        .probes = {},
                        // A pass of the agent gives systemd 2 s; here the machine may be busier than that.
                        .deadline = 20s};
  auto collector = make_systemd_collector(with);
  ASSERT_TRUE(collector) << collector.error().to_string();
  Frame frame;
  for (int pass = 0; pass < 2; ++pass) {
    frame.clear();
    const Status status = (*collector)->collect(frame);
    ASSERT_TRUE(status) << status.error().to_string();
  }
  std::map<std::string, double> values;
  for (const FrameEntry& entry : frame.entries())
    values[std::string(catalogue.prefix(entry.id))] = entry.value;
  EXPECT_EQ(values[R"(node_systemd_unit_state{name="seen.service",state="active",type="exec"} )"], 1);
  EXPECT_EQ(values[R"(chiron_service_up{name="sight.service"} )"], 1);
  EXPECT_TRUE(values.contains(R"(chiron_service_up{name="absent.service"} )"));
  EXPECT_EQ(values[R"(chiron_service_up{name="absent.service"} )"], 0);
  EXPECT_GT(values[R"(node_systemd_unit_start_time_seconds{name="seen.service"} )"], 1.6e9);
  EXPECT_EQ(values[R"(node_systemd_service_restart_total{name="seen.service"} )"], 0);
}

}  // namespace
}  // namespace chiron::remediation
