#include "remediation/actions/notify.h"

#include "tests/support/action_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using ::testing::HasSubstr;

/// Keeps what it was told, and answers as the test says.
class FakeNotifier final : public alerting::Notifier {
 public:
  std::vector<std::string> receivers() const override { return urls; }
  Result<std::string> deliver(const alerting::Notice& notice, Duration within, const CancelToken&) override {
    told.push_back(notice);
    patience = within;
    return answer;
  }
  std::vector<std::string> urls = {"http://am:9093"};
  Result<std::string> answer = std::string("http://am:9093");
  std::vector<alerting::Notice> told;
  Duration patience{};
};

std::string annotation(const alerting::Notice& notice, std::string_view name) {
  for (const auto& [key, text] : notice.annotations) {
    if (key == name) return text;
  }
  return "";
}

struct NotifyTest : ::testing::Test {
  Status run(const ArgumentBuilder& arguments = {}) {
    Notify action;
    if (Status good = arguments.fill(action); !good) return good;
    ActionContext context = fixture.context(std::chrono::seconds(20));
    context.notifier = notifier;
    context.run = facts;
    return action.run(context, report);
  }
  ActionFixture fixture;
  FakeNotifier fake;
  alerting::Notifier* notifier = &fake;
  RunFacts facts{.remedy = "restart-web", .target = "web.service", .state = "failed", .reason = "step 1: no"};
  Report report;
};

TEST_F(NotifyTest, AFailedRunIsToldInItsOwnWords) {
  const Status status = run();
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  ASSERT_EQ(fake.told.size(), 1U);
  const alerting::Notice& notice = fake.told.front();
  EXPECT_EQ(notice.labels.to_string(), (Labels{{"alertname", "ChironRemedyFailed"},
                                               {"severity", "critical"},
                                               {"remedy", "restart-web"},
                                               {"target", "web.service"}})
                                           .to_string());
  EXPECT_EQ(annotation(notice, "summary"), "Remedy restart-web on web.service ended as failed");
  EXPECT_EQ(annotation(notice, "description"), "step 1: no");
  EXPECT_EQ(annotation(notice, "run"), "run-1");
  EXPECT_EQ(annotation(notice, "state"), "failed");
  EXPECT_EQ(notice.ends_at - notice.starts_at, std::chrono::hours(1));
  EXPECT_EQ(report.summary, "told http://am:9093 of ChironRemedyFailed, severity critical");
  EXPECT_GT(fake.patience, std::chrono::seconds(10));
}

TEST_F(NotifyTest, AStepBeforeTheEndAndAHandHaveOtherNames) {
  facts.state = facts.reason = "";
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(fake.told.back().labels.get("alertname"), "ChironNotice");
  EXPECT_EQ(annotation(fake.told.back(), "summary"), "Remedy restart-web is at work on web.service");
  facts = {};
  ASSERT_TRUE(run().ok());
  EXPECT_FALSE(fake.told.back().labels.has("remedy"));
}

TEST_F(NotifyTest, ArgumentsSayMore) {
  const Status status = run(ArgumentBuilder()
                                .text("severity", "warning")
                                .text("alertname", "Own")
                                .text("summary", "short")
                                .text("description", "long")
                                .text("resolve_after", "5m")
                                .pairs("labels", {{"team", "web"}})
                                .pairs("annotations", {{"runbook_url", "https://x"}}));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  const alerting::Notice& notice = fake.told.front();
  EXPECT_EQ(notice.labels.get("alertname"), "Own");
  EXPECT_EQ(notice.labels.get("severity"), "warning");
  EXPECT_EQ(notice.labels.get("team"), "web");
  EXPECT_EQ(annotation(notice, "summary"), "short");
  EXPECT_EQ(annotation(notice, "description"), "long");
  EXPECT_EQ(annotation(notice, "runbook_url"), "https://x");
  EXPECT_EQ(notice.ends_at - notice.starts_at, std::chrono::minutes(5));
}

TEST_F(NotifyTest, NobodyToTellIsAFailureOfPlanAndRun) {
  notifier = nullptr;
  EXPECT_THAT(run().error().to_string(), HasSubstr("set alertmanagers: in chiron.yml"));
  Notify action;
  ASSERT_TRUE(ArgumentBuilder().fill(action).ok());
  ActionContext context = fixture.context();
  fake.urls.clear();
  context.notifier = &fake;
  EXPECT_EQ(action.plan(context).error().code(), ErrorCode::unavailable);
  EXPECT_TRUE(fake.told.empty());
}

TEST_F(NotifyTest, AReceiverThatDoesNotAnswerKeepsTheCodeOfTheFailure) {
  fake.answer = Error(ErrorCode::timed_out, "no Alertmanager took it in time");
  const Status status = run();
  EXPECT_EQ(status.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(status.error().to_string(), HasSubstr("nobody was told of ChironRemedyFailed"));
}

TEST_F(NotifyTest, APlanSaysWhoWouldBeToldOfWhat) {
  Notify action;
  ASSERT_TRUE(ArgumentBuilder().fill(action).ok());
  ActionContext context = fixture.context();
  context.notifier = &fake;
  context.run = facts;
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_THAT(plan->summary, HasSubstr("tell http://am:9093 of ChironRemedyFailed"));
  EXPECT_TRUE(fake.told.empty());
}

TEST_F(NotifyTest, BadArgumentsAreRefused) {
  EXPECT_THAT(run(ArgumentBuilder().pairs("labels", {{"run", "x"}, {"severity", "y"}})).error().message(),
              HasSubstr("severity is set by an argument"));
  EXPECT_THAT(run(ArgumentBuilder().pairs("labels", {{"a-b", "x"}})).error().message(),
              HasSubstr("\"a-b\" is not a name"));
  EXPECT_FALSE(run(ArgumentBuilder().pairs("annotations", {{"summary", "x"}})).ok());
  EXPECT_FALSE(run(ArgumentBuilder().text("severity", " ")).ok());
  EXPECT_THAT(run(ArgumentBuilder().text("resolve_after", "10s")).error().message(),
              HasSubstr("at least 1m"));
  EXPECT_TRUE(fake.told.empty());
}

}  // namespace
}  // namespace chiron::remediation
