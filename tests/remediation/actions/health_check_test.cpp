#include "remediation/actions/health_check.h"

#include "tests/support/action_fixture.h"
#include "tests/support/fake_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::FakeHost;
using ::testing::HasSubstr;
using ::testing::Not;

struct HealthCheckTest : ::testing::Test {
  Status run(const ArgumentBuilder& arguments = {}) {
    HealthCheck action;
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context();
    context.host = &host;
    report = {};
    return action.run(context, report);
  }

  ActionFixture fixture;
  FakeHost host{"/nowhere"};
  Report report;
};

TEST_F(HealthCheckTest, SucceedsWhenNothingIsWrong) {
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(report.summary, "all is well: 13 checks");
  EXPECT_EQ(fixture.log.count("host unhealthy"), 0U);
  EXPECT_TRUE(host.asked().is_percent);
  EXPECT_EQ(host.asked().percent, 5);
}

TEST_F(HealthCheckTest, FailsAndNamesWhatIsWrong) {
  host.set_findings({{"disks", "/var", "1 MiB available"}, {"ledger", "", "the disk is full"}});
  const Status status = run(ArgumentBuilder().text("severity", "critical"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::failed_precondition);
  EXPECT_EQ(status.error().to_string(),
            "unhealthy, 2 findings: disks /var: 1 MiB available; ledger: the disk is full");
  ASSERT_EQ(fixture.log.count("host unhealthy"), 1U);
  EXPECT_EQ(fixture.log.count("health finding"), 2U);
}

TEST_F(HealthCheckTest, LooksAtWhatItWasAskedForOnly) {
  host.set_findings({{"disks", "/var", "full"}, {"units", "a.service", "failed"}});
  const Status status = run(ArgumentBuilder().list("checks", {"units"}).text("min_free", "1GiB"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().to_string(), Not(HasSubstr("/var")));
  EXPECT_THAT(status.error().to_string(), HasSubstr("a.service"));
  EXPECT_EQ(host.asked().bytes, 1U << 30);
  EXPECT_TRUE(run(ArgumentBuilder().list("checks", {"probes"})).ok());
}

TEST_F(HealthCheckTest, TellsNoMoreThanAPersonReads) {
  host.set_findings(std::vector<HealthFinding>(500, {"units", "a.service", "failed"}));
  const Status status = run();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().to_string(), HasSubstr("500 findings"));
  EXPECT_THAT(status.error().to_string(), HasSubstr("and 492 more"));
  EXPECT_EQ(fixture.log.count("health finding"), 100U);
}

TEST_F(HealthCheckTest, PlansByLooking) {
  host.set_findings({{"disks", "/var", "full"}});
  HealthCheck action;
  ActionContext context = fixture.context();
  context.host = &host;
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->summary, HasSubstr("disks /var: full"));
  EXPECT_EQ(plan->objects, 1U);
}

TEST_F(HealthCheckTest, RefusesWhatDoesNotExist) {
  const Status status = run(ArgumentBuilder().list("checks", {"disk"}));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().to_string(), HasSubstr("did you mean disks?"));
  EXPECT_FALSE(run(ArgumentBuilder().text("min_free", "101%")).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("severity", "loud")).ok());
}

TEST_F(HealthCheckTest, SaysThatOnlyAnAgentKnows) {
  HealthCheck action;
  ActionContext context = fixture.context();
  EXPECT_EQ(action.plan(context).error().code(), ErrorCode::unavailable);
  EXPECT_EQ(action.run(context, report).error().code(), ErrorCode::unavailable);
}

}  // namespace
}  // namespace chiron::remediation
