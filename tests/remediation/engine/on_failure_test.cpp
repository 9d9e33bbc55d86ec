#include "tests/remediation/engine/remediator_fixture.h"

namespace chiron::remediation::testing {
namespace {

const std::string kFacts = "{{ $remedy }} {{ $target }} {{ $state }} {{ $reason }}";

class OnFailure : public RemediatorTest {
 protected:
  static RemedySpec failing() {
    RemedySpec spec = remedy();
    spec.on_failure.push_back({&kFake, {{"on", text(kFacts)}}, {}});
    on_run([](ActionContext&, Report& report, const std::string& on) -> Status {
      if (on != "nginx.service") {
        report.summary = "told";
        return {};
      }
      return Error(ErrorCode::failed_precondition, "no\nsuch unit");
    });
    return spec;
  }
  static std::vector<std::string> ran() {
    const std::lock_guard lock(Stage::get().mutex);
    return Stage::get().ran;
  }
};

TEST_F(OnFailure, StepsRunAfterAFailedRunAndAreRecordedAsItsSteps) {
  start({failing()});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("failed"); }));
  ASSERT_EQ(ran().size(), 2U);
  EXPECT_EQ(ran()[1], "restart-web nginx.service failed step 1 (test.act): no such unit");
  const RunRecord run = history("failed").front();
  ASSERT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.steps[1].index, 1);
  EXPECT_EQ(run.steps[1].outcome, "succeeded");
  EXPECT_EQ(run.steps[1].detail, "on_failure: told");
  EXPECT_EQ(runs("failed"), 1);
}

TEST_F(OnFailure, StepsKnowTheRunByItsId) {
  RemedySpec spec = failing();
  spec.on_failure.front().arguments.front().second = text("{{ $run }}");
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("failed"); }));
  EXPECT_EQ(ran().at(1), history("failed").front().id);
}

TEST_F(OnFailure, StepsAreToldWhatTheyBelongTo) {
  RemedySpec spec = failing();
  std::mutex mutex;
  std::vector<RunFacts> seen;
  on_run([&](ActionContext& context, Report&, const std::string& on) -> Status {
    const std::lock_guard lock(mutex);
    seen.push_back(context.run);
    if (on != "nginx.service") return {};
    return Error(ErrorCode::failed_precondition, "no such unit");
  });
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("failed"); }));
  const std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].remedy + ' ' + seen[0].target + seen[0].state, "restart-web nginx.service");
  EXPECT_EQ(seen[1].state, "failed");
  EXPECT_EQ(seen[1].reason, "step 1 (test.act): no such unit");
}

TEST_F(OnFailure, StepsRunWhenTheRunDidNotHelp) {
  RemedySpec spec = failing();
  on_run(nullptr);
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("ineffective"); }));
  ASSERT_EQ(ran().size(), 2U);
  EXPECT_EQ(ran()[1].find("restart-web nginx.service ineffective the alert still holds"), 0U) << ran()[1];
}

TEST_F(OnFailure, StepsThatFailChangeNothingAndHoldUpNoOther) {
  RemedySpec spec = failing();
  spec.on_failure.insert(spec.on_failure.begin(), {&kFake, {{"on", text("nginx.service")}}, {}});
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("failed"); }));
  const RunRecord run = history("failed").front();
  ASSERT_EQ(run.steps.size(), 3U);
  EXPECT_EQ(run.reason.find("step 1 (test.act)"), 0U);
  EXPECT_EQ(run.steps[1].outcome, "failed");
  EXPECT_EQ(run.steps[2].outcome, "succeeded");
  EXPECT_EQ(ran().size(), 3U);
}

TEST_F(OnFailure, NothingRunsAfterSuccess) {
  RemedySpec spec = failing();
  on_run(nullptr);
  holds_ = true;
  on_run([this](ActionContext&, Report&, const std::string&) -> Status {
    holds_ = false;
    return {};
  });
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return ended("succeeded"); }));
  EXPECT_EQ(ran().size(), 1U);
}

TEST_F(OnFailure, NothingRunsAfterACancelledRun) {
  RemedySpec spec = failing();
  on_run([](ActionContext& context, Report&, const std::string&) -> Status {
    while (!context.cancel.cancelled()) std::this_thread::sleep_for(1ms);
    return Error(ErrorCode::cancelled, "asked to stop");
  });
  start({spec});
  pass({alert()});
  ASSERT_TRUE(eventually([this] { return Stage::get().count() == 1 && !remediator_->active().empty(); }));
  ASSERT_TRUE(remediator_->cancel(remediator_->active().front().id));
  ASSERT_TRUE(eventually([this] { return ended("cancelled"); }));
  EXPECT_EQ(ran().size(), 1U);
}

}  // namespace
}  // namespace chiron::remediation::testing
