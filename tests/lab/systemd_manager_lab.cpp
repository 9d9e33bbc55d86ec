#include "exporter/base/systemd.h"
#include "tests/lab/lab_systemd.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using ::testing::HasSubstr;
using testing::LabSystemd;
using namespace std::chrono_literals;

class SystemdManagerLab : public ::testing::Test {
 protected:
  Result<JobOutcome> job(UnitVerb verb, const std::string& unit, Duration timeout = 20s) {
    return manager_->run_job({verb, unit, timeout}, cancel_);
  }
  UnitState state(const std::string& unit) {
    auto result = manager_->unit(unit, 5s);
    EXPECT_TRUE(result) << result.error().to_string();
    return result.value_or({});
  }
  CancelToken cancel_;
  std::unique_ptr<SystemdManager> manager_ = make_systemd_manager(LabSystemd::bus());
};

TEST_F(SystemdManagerLab, KnowsTheManagerAndItsUnits) {
  EXPECT_THAT(manager_->version(5s).value_or(""), HasSubstr("252"));
  EXPECT_THAT(manager_->system_state(5s).value_or(""), ::testing::AnyOf("running", "degraded", "starting"));
  const auto units = manager_->list_units(5s);
  ASSERT_TRUE(units) << units.error().to_string();
  EXPECT_THAT(*units,
              ::testing::Contains(::testing::AllOf(::testing::Field(&UnitSummary::name, "dbus.service"),
                                                   ::testing::Field(&UnitSummary::load_state, "loaded"),
                                                   ::testing::Field(&UnitSummary::active_state, "active"),
                                                   ::testing::Field(&UnitSummary::sub_state, "running"))));
}

TEST_F(SystemdManagerLab, ReadsAUnit) {
  const UnitState dbus = state("dbus.service");
  EXPECT_EQ(dbus.id, "dbus.service");
  EXPECT_EQ(dbus.active_state, "active");
  EXPECT_EQ(dbus.type, "notify");
  EXPECT_EQ(dbus.result, "success");
  EXPECT_EQ(dbus.invocation_id.size(), 32U);
  EXPECT_GT(dbus.main_pid, 1U);
  EXPECT_GT(dbus.active_enter_us, 1'600'000'000'000'000U);
  EXPECT_THAT(dbus.names, ::testing::Contains("dbus.service"));
  EXPECT_EQ(manager_->unit("no-such-thing.service", 5s).error().code(), ErrorCode::not_found);
}

TEST_F(SystemdManagerLab, ARestartIsANewInvocation) {
  LabSystemd::add_service("web.service", "Type=exec\nExecStart=/bin/sleep infinity");
  const auto started = job(UnitVerb::start, "web.service");
  ASSERT_TRUE(started) << started.error().to_string();
  EXPECT_EQ(started->result, "done");
  EXPECT_EQ(started->before.active_state, "inactive");
  EXPECT_EQ(started->after.active_state, "active");
  const auto restarted = job(UnitVerb::restart, "web.service");
  ASSERT_TRUE(restarted) << restarted.error().to_string();
  EXPECT_EQ(restarted->result, "done");
  EXPECT_EQ(restarted->before.invocation_id, started->after.invocation_id);
  EXPECT_NE(restarted->after.invocation_id, started->after.invocation_id);
  const auto stopped = job(UnitVerb::stop, "web.service");
  ASSERT_TRUE(stopped) << stopped.error().to_string();
  EXPECT_EQ(stopped->after.active_state, "inactive");
}

TEST_F(SystemdManagerLab, AFailingStartIsAFailedJob) {
  LabSystemd::add_service("bad.service", "Type=exec\nExecStart=/nonexistent/program");
  const auto failed = job(UnitVerb::start, "bad.service");
  ASSERT_TRUE(failed) << failed.error().to_string();
  EXPECT_EQ(failed->result, "failed");
  EXPECT_EQ(failed->after.active_state, "failed");
  EXPECT_TRUE(manager_->reset_failed("bad.service", 5s));
  EXPECT_EQ(state("bad.service").active_state, "inactive");
}

TEST_F(SystemdManagerLab, ASlowJobIsLeftToSystemd) {
  LabSystemd::add_service("slow.service", "Type=oneshot\nExecStart=/bin/sleep 30");
  const auto late = job(UnitVerb::start, "slow.service", 200ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(late.error().to_string(), HasSubstr("left to systemd"));
  EXPECT_EQ(state("slow.service").active_state, "activating");
  EXPECT_NE(state("slow.service").job, 0U);

  std::thread canceller([this] { cancel_.cancel(); });
  const auto cancelled = job(UnitVerb::restart, "slow.service");
  canceller.join();
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), ErrorCode::cancelled);
  EXPECT_EQ(LabSystemd::run("systemctl stop slow.service"), 0);
}

TEST_F(SystemdManagerLab, RefusalsAreErrorsWithReasons) {
  EXPECT_EQ(job(UnitVerb::start, "no-such-thing.service").error().code(), ErrorCode::not_found);
  LabSystemd::run("ln -sf /dev/null /run/systemd/system/gone.service; systemctl daemon-reload");
  const auto masked = job(UnitVerb::start, "gone.service");
  ASSERT_FALSE(masked);
  EXPECT_EQ(masked.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(masked.error().to_string(), HasSubstr("masked"));
}

TEST_F(SystemdManagerLab, AliasesResolve) {
  LabSystemd::add_service("real.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run("ln -sf real.service /run/systemd/system/other.service; systemctl daemon-reload");
  const UnitState unit = state("other.service");
  // Which of its names is the id is systemd's choice: it has been seen to take the alias after a reload.
  EXPECT_EQ(unit.id, state("real.service").id);
  EXPECT_THAT(unit.names, ::testing::UnorderedElementsAre("real.service", "other.service"));
}

TEST_F(SystemdManagerLab, TheBusDiesAndReturns) {
  ASSERT_TRUE(manager_->version(5s));
  ASSERT_EQ(LabSystemd::run("systemctl kill --kill-whom=main -s KILL dbus.service; systemctl reset-failed; "
                            "systemctl restart dbus.socket"),
            0);
  // systemd takes its name on the new bus a moment after the bus is there.
  const BootTime deadline = system_clock().boot() + 20s;
  Result<std::string> version = manager_->version(2s);
  while (!version && system_clock().boot() < deadline) version = manager_->version(2s);
  EXPECT_TRUE(version) << version.error().to_string();
  LabSystemd::add_service("again.service", "Type=exec\nExecStart=/bin/sleep infinity");
  const auto started = job(UnitVerb::start, "again.service");
  ASSERT_TRUE(started) << started.error().to_string();
  EXPECT_EQ(started->result, "done");
}

}  // namespace
}  // namespace chiron
