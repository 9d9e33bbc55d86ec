#include "exporter/collectors/systemd.h"

#include "tests/exporter/collectors/host_fixture.h"
#include "tests/support/fake_systemd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using testing::FakeSystemd;
using testing::FakeSystemdState;
using namespace std::chrono_literals;

UnitState unit(std::string id, std::string active, std::string sub, std::string type = "simple") {
  UnitState state;
  state.id = std::move(id);
  state.load_state = "loaded";
  state.active_state = std::move(active);
  state.sub_state = std::move(sub);
  state.type = std::move(type);
  return state;
}

class SystemdCollectorTest : public testing::HostFixture {
 protected:
  void SetUp() override {
    UnitState web = unit("web.service", "active", "running", "notify");
    web.restarts = 3;
    web.active_enter_us = 1'700'000'000'500'000;
    systemd_->units["web.service"] = web;
    systemd_->units["bad.service"] = unit("bad.service", "failed", "failed");
    systemd_->units["logs.timer"] = unit("logs.timer", "active", "waiting", "");
    systemd_->units["home.mount"] = unit("home.mount", "active", "mounted", "");
    systemd_->units["ghost.service"] = unit("ghost.service", "inactive", "dead");
    systemd_->units["ghost.service"].load_state = "not-found";
  }
  Result<std::unique_ptr<Collector>> make_it(std::vector<std::string> watched = {}) {
    CollectorContext with = context(*find_collector("systemd"));
    with.watched_services = std::move(watched);
    return make_systemd_collector(std::move(with), std::make_unique<FakeSystemd>(systemd_));
  }
  void start(std::vector<std::string> watched = {}) {
    auto made = make_it(std::move(watched));
    ASSERT_TRUE(made) << made.error().to_string();
    collector_ = *std::move(made);
  }
  std::shared_ptr<FakeSystemdState> systemd_ = std::make_shared<FakeSystemdState>();
};

TEST_F(SystemdCollectorTest, ReportsUnitsAsNodeExporterDoes) {
  start();
  ASSERT_TRUE(collect());
  for (const char* line : {
           R"(node_systemd_unit_state{name="web.service",state="active",type="notify"} 1)",
           R"(node_systemd_unit_state{name="web.service",state="failed",type="notify"} 0)",
           R"(node_systemd_unit_state{name="bad.service",state="failed",type="simple"} 1)",
           R"(node_systemd_unit_state{name="logs.timer",state="active"} 1)",
           R"(node_systemd_service_restart_total{name="web.service"} 3)",
           R"(node_systemd_service_restart_total{name="bad.service"} 0)",
           R"(node_systemd_unit_start_time_seconds{name="web.service"} 1700000000.5)",
           R"(node_systemd_unit_start_time_seconds{name="bad.service"} 0)",
           R"(node_systemd_units{state="active"} 3)",
           R"(node_systemd_units{state="failed"} 1)",
           R"(node_systemd_units{state="inactive"} 1)",
           R"(node_systemd_units{state="activating"} 0)",
           R"(node_systemd_system_running 1)",
           R"(node_systemd_version{version="252.39-1~deb12u1"} 252.39)",
       }) {
    EXPECT_TRUE(has(line)) << line << "\n" << ::testing::PrintToString(lines());
  }
  EXPECT_FALSE(mentions("home.mount"));
  EXPECT_FALSE(mentions("ghost.service"));
  EXPECT_FALSE(mentions("restart_total{name=\"logs.timer\"}"));
  EXPECT_EQ(lines().size(), 3 * 5 + 2 + 3 + 5 + 2U);
}

TEST_F(SystemdCollectorTest, OptionsChooseUnitsAndFamilies) {
  option("unit-include", {"(web|home).+"});
  option("unit-exclude", {"web"});  // anchored: not web.service
  option("enable-restarts-metrics", {"false"});
  option("enable-start-time-metrics", {"false"});
  start();
  ASSERT_TRUE(collect());
  EXPECT_TRUE(mentions("name=\"web.service\",state=\"active\",type=\"notify\""));
  EXPECT_TRUE(mentions("home.mount"));
  EXPECT_FALSE(mentions("bad.service"));
  EXPECT_FALSE(mentions("restart_total"));
  EXPECT_FALSE(mentions("start_time"));
}

TEST_F(SystemdCollectorTest, WatchedServicesAreUpOrDown) {
  systemd_->units["real.service"] = unit("real.service", "active", "running");
  systemd_->aliases["other.service"] = "real.service";
  start({"web", "bad.service", "other.service", "absent.service", "web.service"});
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(collect());
    EXPECT_TRUE(has(R"(chiron_service_up{name="web.service"} 1)"));
    EXPECT_TRUE(has(R"(chiron_service_up{name="bad.service"} 0)"));
    EXPECT_TRUE(has(R"(chiron_service_up{name="other.service"} 1)"));
    EXPECT_TRUE(has(R"(chiron_service_up{name="absent.service"} 0)"));
  }
  EXPECT_EQ(std::count(systemd_->calls.begin(), systemd_->calls.end(), "unit other.service"), 1);
  systemd_->units["real.service"].active_state = "failed";
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(chiron_service_up{name="other.service"} 0)"));
}

TEST_F(SystemdCollectorTest, ReadsDetailsOnlyWhenTheyMayHaveChanged) {
  start({"web.service"});
  ASSERT_TRUE(collect());
  EXPECT_EQ(systemd_->calls.back(), "units bad.service logs.timer web.service");
  clock_.advance(5s);
  ASSERT_TRUE(collect());
  EXPECT_EQ(systemd_->calls.back(), "units web.service");
  systemd_->units["bad.service"].active_state = "active";
  systemd_->units["bad.service"].restarts = 7;
  ASSERT_TRUE(collect());
  EXPECT_EQ(systemd_->calls.back(), "units bad.service web.service");
  EXPECT_TRUE(has(R"(node_systemd_service_restart_total{name="bad.service"} 7)"));
  clock_.advance(30s);
  ASSERT_TRUE(collect());
  EXPECT_EQ(systemd_->calls.back(), "units bad.service logs.timer web.service");
}

TEST_F(SystemdCollectorTest, AUnitThatCouldNotBeReadStandsAndStaysDue) {
  start();
  ASSERT_TRUE(collect());
  clock_.advance(5s);
  systemd_->unreadable = {"web.service"};
  systemd_->units["web.service"].sub_state = "reload";
  systemd_->units["web.service"].restarts = 4;
  ASSERT_TRUE(collect());
  // A counter that fell to zero and came back would read as so many restarts.
  EXPECT_TRUE(has(R"(node_systemd_service_restart_total{name="web.service"} 3)"));
  EXPECT_TRUE(has(R"(node_systemd_unit_state{name="web.service",state="active",type="notify"} 1)"));
  systemd_->unreadable.clear();
  clock_.advance(5s);
  ASSERT_TRUE(collect());
  EXPECT_EQ(systemd_->calls.back(), "units web.service");
  EXPECT_TRUE(has(R"(node_systemd_service_restart_total{name="web.service"} 4)"));
}

TEST_F(SystemdCollectorTest, AllIsReportedAgainAfterALongSilenceOfTheBus) {
  start({"web.service"});
  ASSERT_TRUE(collect());
  const std::vector<std::string> before = lines();
  systemd_->failure = Error(ErrorCode::timed_out, "no answer");
  ASSERT_FALSE(collect());
  forget_everything();
  systemd_->failure.reset();
  ASSERT_TRUE(collect());
  EXPECT_EQ(lines(), before);
}

TEST_F(SystemdCollectorTest, UnitsThatGoTakeTheirSeriesAlong) {
  start();
  ASSERT_TRUE(collect());
  systemd_->units.erase("bad.service");
  ASSERT_TRUE(collect());
  EXPECT_FALSE(mentions("bad.service"));
}

TEST_F(SystemdCollectorTest, ABusThatFailsIsAFailureUnlessThereIsNoSystemd) {
  start();
  systemd_->failure = Error(ErrorCode::unavailable, "connect: gone");
  EXPECT_EQ(collect().error().code(), ErrorCode::no_data);
  root("run/systemd/system/x", "");
  EXPECT_EQ(collect().error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(lines().empty());
  systemd_->failure.reset();
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has("node_systemd_system_running 1"));
}

TEST_F(SystemdCollectorTest, AWatchedServiceWithoutABusIsAFailure) {
  start({"web"});
  systemd_->failure = Error(ErrorCode::unavailable, "connect: gone");
  EXPECT_EQ(collect().error().code(), ErrorCode::unavailable);
}

TEST_F(SystemdCollectorTest, RefusesBadSettings) {
  option("unit-include", {"(["});
  EXPECT_EQ(make_it().error().code(), ErrorCode::invalid_argument);
  options_.clear();
  EXPECT_EQ(make_it({"../../etc/passwd"}).error().code(), ErrorCode::invalid_argument);
}

TEST_F(SystemdCollectorTest, ReadsVersionsOfOtherDistributions) {
  start();
  systemd_->version = "v255 custom";
  ASSERT_TRUE(collect());
  EXPECT_TRUE(has(R"(node_systemd_version{version="v255 custom"} 255)"));
}

}  // namespace
}  // namespace chiron
