#include "remediation/actions/service_property.h"

#include "tests/support/action_fixture.h"
#include "tests/support/fake_systemd.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using testing::ActionFixture;
using testing::ArgumentBuilder;
using ::testing::Contains;
using testing::FakeSystemd;
using testing::FakeSystemdState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();

class ServiceSetPropertyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    UnitState unit;
    unit.id = "web.service";
    unit.names = {unit.id};
    unit.load_state = "loaded";
    unit.active_state = "active";
    unit.sub_state = "running";
    systemd_->units[unit.id] = unit;
    for (const char* name :
         {"CPUQuotaPerSecUSec", "CPUWeight", "MemoryHigh", "MemoryMax", "TasksMax", "IOWeight"}) {
      systemd_->numbers[{unit.id, name}] = kInfinity;
    }
  }
  Status run(ArgumentBuilder arguments, const std::string& unit = "web") {
    ServiceSetProperty action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd_); });
    if (Status filled = arguments.text("unit", unit).fill(action); !filled) return filled;
    ActionContext context = fixture_.context();
    Result<Plan> plan = action.plan(context);
    planned_ = plan ? plan->summary : plan.error().to_string();
    report_ = {};
    return action.run(context, report_);
  }
  std::shared_ptr<FakeSystemdState> systemd_ = std::make_shared<FakeSystemdState>();
  ActionFixture fixture_;
  Report report_;
  std::string planned_;
};

TEST_F(ServiceSetPropertyTest, SetsWhatIsAskedForAndSaysWhatWasBefore) {
  systemd_->numbers[{"web.service", "TasksMax"}] = 100;
  const Status status = run(ArgumentBuilder()
                                .text("cpu_quota", "12.5%")
                                .text("cpu_weight", "50")
                                .text("memory_high", "512MiB")
                                .text("memory_max", "1GiB")
                                .text("tasks_max", "infinity")
                                .text("io_weight", "10000"));
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(planned_,
              HasSubstr("set web.service's CPUQuota from infinity to 12.5%, CPUWeight from not set to 50"));
  const auto value = [&](const char* name) { return systemd_->numbers.at({"web.service", name}); };
  EXPECT_EQ(value("CPUQuotaPerSecUSec"), 125'000U);
  EXPECT_EQ(value("CPUWeight"), 50U);
  EXPECT_EQ(value("MemoryHigh"), 512ULL << 20);
  EXPECT_EQ(value("MemoryMax"), 1ULL << 30);
  EXPECT_EQ(value("TasksMax"), kInfinity);
  EXPECT_EQ(value("IOWeight"), 10'000U);
  EXPECT_THAT(report_.facts, Contains(Pair("TasksMax_before", "100")));
  EXPECT_THAT(report_.facts, Contains(Pair("TasksMax", "infinity")));
  EXPECT_THAT(report_.summary, HasSubstr("until the host reboots"));
}

TEST_F(ServiceSetPropertyTest, WhatIsSoAlreadyIsLeft) {
  systemd_->numbers[{"web.service", "MemoryMax"}] = 1 << 20;
  ASSERT_TRUE(run(ArgumentBuilder().text("memory_max", "1MiB")));
  EXPECT_THAT(planned_, HasSubstr("nothing to do"));
  EXPECT_EQ(report_.summary, "web.service is limited so already");
  EXPECT_THAT(systemd_->calls, Not(Contains(HasSubstr("set "))));
}

TEST_F(ServiceSetPropertyTest, AcceptedIsNotDone) {
  systemd_->deaf = true;
  EXPECT_THAT(run(ArgumentBuilder().text("cpu_weight", "50")).error().to_string(),
              HasSubstr("CPUWeight of web.service is not set still"));
}

TEST_F(ServiceSetPropertyTest, UnitsThatAreDownDeniedOrWithoutResourcesAreRefused) {
  systemd_->units["web.service"].active_state = "inactive";
  EXPECT_EQ(run(ArgumentBuilder().text("cpu_weight", "50")).error().code(), ErrorCode::failed_precondition);
  systemd_->units["web.service"].active_state = "active";
  systemd_->units["web.service"].names.push_back("sshd.service");
  EXPECT_EQ(run(ArgumentBuilder().text("cpu_weight", "50")).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(run(ArgumentBuilder().text("cpu_weight", "50"), "chiron").error().code(),
            ErrorCode::permission_denied);
  UnitState timer = systemd_->units["web.service"];
  timer.id = "web.timer";
  timer.names = {timer.id};
  systemd_->units[timer.id] = timer;
  EXPECT_EQ(run(ArgumentBuilder().text("cpu_weight", "50"), "web.timer").error().code(),
            ErrorCode::not_supported);
  EXPECT_THAT(systemd_->calls, Not(Contains(HasSubstr("set "))));
}

TEST_F(ServiceSetPropertyTest, BadValuesAreRefusedBeforeTheBusIsAsked) {
  const std::pair<const char*, const char*> bad[] = {
      {"cpu_quota", "50"},     {"cpu_quota", "0%"},        {"cpu_quota", "-5%"}, {"cpu_weight", "0"},
      {"cpu_weight", "10001"}, {"cpu_weight", "infinity"}, {"memory_max", "0"},  {"memory_max", "10%"},
      {"memory_high", "much"}, {"tasks_max", "0"},         {"tasks_max", "1.5"}, {"io_weight", "-1"}};
  for (const auto& [name, value] : bad) {
    const Status status = run(ArgumentBuilder().text(name, value));
    ASSERT_FALSE(status) << name << ' ' << value;
    EXPECT_EQ(status.error().code(), ErrorCode::invalid_argument) << name << ' ' << value;
    EXPECT_THAT(status.error().to_string(), HasSubstr(name));
  }
  EXPECT_THAT(run(ArgumentBuilder()).error().to_string(), HasSubstr("name at least one"));
  EXPECT_THAT(systemd_->calls, IsEmpty());
}

}  // namespace
}  // namespace chiron::remediation
