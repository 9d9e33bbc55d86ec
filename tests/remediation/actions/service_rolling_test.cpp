#include "remediation/actions/service_rolling.h"

#include "tests/support/action_fixture.h"
#include "tests/support/fake_systemd.h"
#include "tests/support/scripted_server.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using testing::ActionFixture;
using testing::ArgumentBuilder;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeSystemd;
using testing::FakeSystemdState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::ScriptedServer;

class ServiceRollingRestartTest : public ::testing::Test {
 protected:
  void add(const std::string& id, const std::string& state = "active") {
    UnitState unit;
    unit.id = id;
    unit.names = {id};
    unit.load_state = "loaded";
    unit.active_state = state;
    unit.sub_state = state == "active" ? "running" : "dead";
    unit.type = "simple";
    unit.invocation_id = "aa";
    systemd_->units[id] = unit;
    unit.active_state = "active";
    unit.sub_state = "running";
    unit.invocation_id = "bb";
    systemd_->after_job[id] = unit;
  }
  void SetUp() override {
    for (const char* id : {"web@1.service", "web@2.service", "api.service", "web@9.service"}) add(id);
    systemd_->units["web@9.service"].active_state = "inactive";
  }
  Status run(std::vector<std::string> units, ArgumentBuilder arguments = {}) {
    ServiceRollingRestart action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd_); });
    arguments.list("units", std::move(units)).text("settle", "0s");
    if (Status filled = arguments.fill(action); !filled) return filled;
    ActionContext context = fixture_.context(within_);
    Result<Plan> plan = action.plan(context);
    planned_ = plan ? plan->summary : plan.error().to_string();
    report_ = {};
    return action.run(context, report_);
  }
  std::vector<std::string> restarted() const {
    std::vector<std::string> names;
    for (const std::string& call : systemd_->calls) {
      if (call.starts_with("restart ")) names.push_back(call.substr(8));
    }
    return names;
  }
  std::shared_ptr<FakeSystemdState> systemd_ = std::make_shared<FakeSystemdState>();
  ActionFixture fixture_;
  Report report_;
  std::string planned_;
  Duration within_ = std::chrono::seconds(30);
};

TEST_F(ServiceRollingRestartTest, InTheOrderThatIsAskedForGlobsByName) {
  const Status status = run({"api", "web@*", "web@1.service"});
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_THAT(restarted(), ElementsAre("api.service", "web@1.service", "web@2.service"))
      << "web@9 is down, web@1 is named twice";
  EXPECT_EQ(planned_, "restart 3 units one after the other");
  EXPECT_EQ(report_.summary, "restarted 3 of 3 units");
  EXPECT_THAT(report_.facts, Contains(Pair("after_web@2.service", "active (running)")));
}

TEST_F(ServiceRollingRestartTest, TheFirstThatDoesNotComeUpEndsIt) {
  systemd_->settled["web@1.service"] = systemd_->after_job["web@1.service"];
  systemd_->settled["web@1.service"].active_state = "failed";
  const Status status = run({"api", "web@*"});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().to_string(), HasSubstr("stopped after 1 of 3 units"));
  EXPECT_THAT(status.error().to_string(), HasSubstr("did not stay up"));
  EXPECT_EQ(report_.summary, "restarted 1 of 3 units, then web@1.service failed");
  EXPECT_THAT(restarted(), ElementsAre("api.service", "web@1.service"));
}

TEST_F(ServiceRollingRestartTest, OneThatIsLeftAloneEndsIt) {
  add("api.service", "inactive");
  EXPECT_THAT(run({"api", "web@*"}).error().to_string(), HasSubstr("api.service is left alone"));
  EXPECT_THAT(planned_, HasSubstr(", until api.service: it is inactive"));
  EXPECT_THAT(restarted(), IsEmpty());
}

TEST_F(ServiceRollingRestartTest, ADeniedUnitAmongThemProtectsAll) {
  add("ssh.service");
  EXPECT_EQ(run({"api", "ssh"}).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(run({"*.service"}).error().code(), ErrorCode::permission_denied);
  systemd_->units["web@2.service"].takes_along = {"ssh.service"};
  EXPECT_THAT(run({"web@*"}).error().to_string(), HasSubstr("also stop ssh.service"));
  EXPECT_THAT(restarted(), IsEmpty());
}

TEST_F(ServiceRollingRestartTest, EachMustAnswerBeforeTheNext) {
  std::atomic<int> asked{0};
  ScriptedServer server(
      [&asked](std::string_view) -> std::string {
        return ++asked < 3 ? "HTTP/1.1 503 Not yet\r\nContent-Length: 0\r\n\r\n"
                           : "HTTP/1.1 204 Fine\r\nContent-Length: 0\r\n\r\n";
      },
      ScriptedServer::Kind::tcp);
  const std::string url = "http://" + server.address() + "/health";
  const Status status = run({"api", "web@1"}, ArgumentBuilder().text("check", url));
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_EQ(asked, 4) << "the first until it answers well, the second once";

  asked = -1000;
  within_ = std::chrono::seconds(2);
  systemd_->calls.clear();
  SetUp();
  const Status unwell = run({"api", "web@1"}, ArgumentBuilder().text("check", url));
  ASSERT_FALSE(unwell);
  EXPECT_EQ(unwell.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(unwell.error().to_string(), HasSubstr("status 503"));
  EXPECT_THAT(restarted(), ElementsAre("api.service"));
}

TEST_F(ServiceRollingRestartTest, NothingThatMatchesIsNothingToDo) {
  ASSERT_TRUE(run({"absent-*"}));
  EXPECT_THAT(report_.summary, HasSubstr("nothing to do"));
  EXPECT_EQ(run({"absent"}).error().code(), ErrorCode::not_found);
}

TEST_F(ServiceRollingRestartTest, BadArgumentsAreRefused) {
  EXPECT_EQ(run({"../x.service"}).error().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(run({"sshd"}).error().code(), ErrorCode::permission_denied);
  EXPECT_FALSE(run({"api"}, ArgumentBuilder().text("check", "ftp://x/")));
  EXPECT_FALSE(run({"api"}, ArgumentBuilder().text("check", "unix:///run/x")));
  EXPECT_THAT(systemd_->calls, IsEmpty());
}

}  // namespace
}  // namespace chiron::remediation
