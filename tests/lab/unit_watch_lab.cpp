#include "exporter/base/unit_watch.h"
#include "tests/lab/lab_systemd.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

namespace chiron {
namespace {

using testing::LabSystemd;
using namespace std::chrono_literals;

class UnitWatchLab : public ::testing::Test {
 protected:
  /// Updates until `holds`: what systemd was told by a command may take it a moment to tell.
  ::testing::AssertionResult becomes(const std::function<bool()>& holds) {
    const BootTime deadline = system_clock().boot() + 30s;
    for (;;) {
      const Status updated = watch_->update(10s);
      if (updated && holds()) return ::testing::AssertionSuccess();
      if (system_clock().boot() > deadline) {
        return ::testing::AssertionFailure() << (updated ? "it does not" : updated.error().to_string());
      }
      pause_.wait_for(20ms);
    }
  }
  const WatchedUnit* find(std::string_view name) const {
    const auto found = watch_->units().find(name);
    return found == watch_->units().end() ? nullptr : &found->second;
  }
  bool is(std::string_view name, std::string_view active_state) const {
    const WatchedUnit* unit = find(name);
    return unit != nullptr && unit->row.active_state == active_state;
  }
  static std::unique_ptr<UnitWatch> make() {
    const auto all = [](std::string_view) { return true; };
    return make_unit_watch(LabSystemd::bus(), {.wanted = all, .control_group = all, .tasks_max = true});
  }
  const CancelToken pause_;
  std::unique_ptr<UnitWatch> watch_ = make();
};

TEST_F(UnitWatchLab, KnowsTheManagerAndItsUnits) {
  const Status status = watch_->update(10s);
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(watch_->manager().version, ::testing::HasSubstr("252"));
  const WatchedUnit* dbus = find("dbus.service");
  ASSERT_NE(dbus, nullptr);
  EXPECT_EQ(dbus->row.active_state, "active");
  EXPECT_EQ(dbus->type, "notify");
  EXPECT_EQ(dbus->control_group, "/system.slice/dbus.service");
  EXPECT_GT(dbus->active_enter_us, 1'600'000'000'000'000U);
  EXPECT_LT(dbus->tasks_max, std::numeric_limits<std::uint64_t>::max());
}

TEST_F(UnitWatchLab, UnitsComeChangeAndGo) {
  ASSERT_TRUE(watch_->update(10s));
  ASSERT_EQ(LabSystemd::run("systemd-run --unit=passing -p DefaultDependencies=no sleep infinity"), 0);
  ASSERT_TRUE(becomes([&] { return is("passing.service", "active"); }));
  EXPECT_TRUE(becomes([&] { return find("passing.service")->detailed; }));
  EXPECT_EQ(find("passing.service")->control_group, "/system.slice/passing.service");
  LabSystemd::run("systemctl kill -s KILL passing.service");
  EXPECT_TRUE(becomes([&] { return is("passing.service", "failed"); }));
  LabSystemd::run("systemctl reset-failed passing.service");
  EXPECT_TRUE(becomes([&] { return find("passing.service") == nullptr; }));
}

TEST_F(UnitWatchLab, APassInWhichNothingHappenedChangesNothing) {
  ASSERT_TRUE(becomes([&] { return true; }));
  // What the last command left behind may still arrive.
  EXPECT_TRUE(becomes([&, last = watch_->revision()]() mutable {
    return std::exchange(last, watch_->revision()) == watch_->revision();
  }));
}

TEST_F(UnitWatchLab, RestartsAndTimersAndSocketsAreCounted) {
  LabSystemd::write("/run/systemd/system/count.socket",
                    "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/count.sock\nAccept=yes\n");
  LabSystemd::write("/run/systemd/system/count@.service",
                    "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/cat\nStandardInput=socket\n");
  LabSystemd::write("/run/systemd/system/tick.timer",
                    "[Unit]\nDefaultDependencies=no\n[Timer]\nOnActiveSec=0\nAccuracySec=1ms\n");
  LabSystemd::add_service("tick.service", "Type=oneshot\nExecStart=/bin/true");
  LabSystemd::add_service("again.service",
                          "Type=exec\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=0");
  ASSERT_TRUE(watch_->update(10s));
  ASSERT_EQ(LabSystemd::run("systemctl start again.service tick.timer count.socket"), 0);
  LabSystemd::run("systemctl kill -s KILL again.service");
  EXPECT_TRUE(becomes([&] { return is("again.service", "active") && find("again.service")->restarts == 1; }));
  EXPECT_TRUE(
      becomes([&] { return find("tick.timer") != nullptr && find("tick.timer")->last_trigger_us > 0; }));
  ASSERT_EQ(LabSystemd::run("python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); "
                            "s.connect(\\\"/run/count.sock\\\")\""),
            0);
  EXPECT_TRUE(becomes([&] { return find("count.socket")->accepted == 1; }));
  EXPECT_TRUE(becomes([&] { return find("count.socket")->connections == 0; }));
  LabSystemd::run("systemctl stop again.service count.socket tick.timer");
}

TEST_F(UnitWatchLab, AReloadIsTakenOver) {
  LabSystemd::add_service("kind.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run("systemctl start kind.service");
  ASSERT_TRUE(becomes([&] { return is("kind.service", "active") && find("kind.service")->type == "exec"; }));
  LabSystemd::add_service("kind.service", "Type=simple\nExecStart=/bin/sleep infinity\nTasksMax=99");
  EXPECT_TRUE(becomes([&] { return find("kind.service")->type == "simple"; }));
  EXPECT_EQ(find("kind.service")->tasks_max, 99U);
  // systemd starts anew and has another connection to the bus.
  ASSERT_EQ(LabSystemd::run("systemctl daemon-reexec"), 0);
  EXPECT_TRUE(becomes([&] { return is("kind.service", "active"); }));
  LabSystemd::run("systemctl stop kind.service");
  EXPECT_TRUE(becomes([&] { return !is("kind.service", "active"); }));
}

TEST_F(UnitWatchLab, AnAliasIsKnownByItsCanonicalName) {
  LabSystemd::add_service("main.service", "Type=exec\nExecStart=/bin/sleep infinity");
  LabSystemd::run(
      "ln -sf main.service /run/systemd/system/also.service; systemctl daemon-reload; "
      "systemctl start main.service");
  ASSERT_TRUE(watch_->update(10s));
  const auto name = watch_->canonical_name("also.service", 10s);
  ASSERT_TRUE(name) << name.error().to_string();
  EXPECT_NE(find(*name), nullptr) << *name;
  EXPECT_EQ(watch_->canonical_name("nowhere.service", 10s).error().code(), ErrorCode::not_found);
  LabSystemd::run("systemctl stop main.service");
}

TEST_F(UnitWatchLab, ASystemdThatHangsIsLeftAndFoundAgain) {
  ASSERT_TRUE(watch_->update(10s));
  const pid_t pid = std::stoi(LabSystemd::variable("LAB_PID"));
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto begin = std::chrono::steady_clock::now();
  const Status stuck = watch_->update(300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().code(), ErrorCode::timed_out);
  LabSystemd::run("systemd-run --unit=later -p DefaultDependencies=no sleep infinity");
  EXPECT_TRUE(becomes([&] { return is("later.service", "active"); }));
  LabSystemd::run("systemctl stop later.service");
}

TEST_F(UnitWatchLab, TheBusDiesAndReturns) {
  ASSERT_TRUE(watch_->update(10s));
  ASSERT_EQ(LabSystemd::run("systemctl kill --kill-whom=main -s KILL dbus.service; systemctl reset-failed; "
                            "systemctl restart dbus.socket"),
            0);
  EXPECT_TRUE(becomes([&] { return true; }));
  LabSystemd::run("systemd-run --unit=after -p DefaultDependencies=no sleep infinity");
  EXPECT_TRUE(becomes([&] { return is("after.service", "active"); }));
  LabSystemd::run("systemctl stop after.service");
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// CPU time of a process so far, in seconds.
double cpu_seconds_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/schedstat");
  double nanoseconds = 0;
  file >> nanoseconds;
  return nanoseconds / 1e9;
}

/// A thousand services come up between two updates, more signals than are kept; then nothing happens, and a
/// pass costs what it costs with none.
TEST_F(UnitWatchLab, AThousandUnitsCostNothingWhileNothingHappens) {
  LabSystemd::write("/run/systemd/system/many@.service",
                    "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                    "ExecStart=/bin/true\n");
  LabSystemd::run("systemctl daemon-reload");
  ASSERT_TRUE(becomes([&] { return true; }));
  const auto steady = [&] {
    const double ours = cpu_seconds(), systemds = cpu_seconds_of(LabSystemd::variable("LAB_PID"));
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(watch_->update(10s));
    return std::pair((cpu_seconds() - ours) / 50,
                     (cpu_seconds_of(LabSystemd::variable("LAB_PID")) - systemds) / 50);
  };
  const auto few = steady();
  ASSERT_EQ(LabSystemd::run("systemctl start $(seq -f many@%g 1000)"), 0);
  const auto active = [&] {
    return std::count_if(watch_->units().begin(), watch_->units().end(), [](const auto& unit) {
      return unit.first.starts_with("many@") && unit.second.row.active_state == "active" &&
             unit.second.detailed;
    });
  };
  const double begin = cpu_seconds();
  ASSERT_TRUE(becomes([&] { return active() == 1000; }));
  const double first = cpu_seconds() - begin;
  const auto many = steady();
  std::unique_ptr<UnitWatch> fresh = make();
  const double systemds = cpu_seconds_of(LabSystemd::variable("LAB_PID"));
  const double anew = cpu_seconds();
  std::swap(fresh, watch_);
  ASSERT_TRUE(becomes([&] { return active() == 1000; }));
  std::printf(
      "a pass: %.0f us (systemd %.0f us) with few units, %.0f us (systemd %.0f us) with 1000 more; "
      "taking over 1000 starts %.1f ms; reading all anew %.1f ms (systemd %.1f ms)\n",
      few.first * 1e6, few.second * 1e6, many.first * 1e6, many.second * 1e6, first * 1e3,
      (cpu_seconds() - anew) * 1e3, (cpu_seconds_of(LabSystemd::variable("LAB_PID")) - systemds) * 1e3);
  EXPECT_LT(many.first, (cpu_seconds() - anew) / 10) << "steady passes must not read everything";
  LabSystemd::run("systemctl stop \"many@*\"");
  EXPECT_TRUE(becomes([&] { return active() == 0; }));
}

}  // namespace
}  // namespace chiron
