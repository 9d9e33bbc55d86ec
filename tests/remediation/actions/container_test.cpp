#include "remediation/actions/container.h"

#include "tests/support/action_fixture.h"
#include "tests/support/engine_server.h"

#include <map>
#include <mutex>

#include <gmock/gmock.h>

namespace chiron::remediation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Verdict = ContainerJudgement::Verdict;

std::string id_of(char digit) { return std::string(64, digit); }

/// An engine whose containers do what they are told, or what the test says instead.
class FakeEngine {
 public:
  struct Container {
    std::string name;
    std::string state = "running";
    std::string health = "";
    std::string policy = "no";
    int exit_code = 0;
    int runs = 1;  ///< tells one run from the next
    std::string health_after_start = "";
    std::string state_after_start = "running";
    /// "die", "kill 15", the oldest first, a second apart until now.
    std::vector<std::string> events = {};
  };
  std::map<std::string, Container> containers;  // by id
  std::vector<std::string> deeds;
  std::function<void()> before_inspection;
  std::mutex mutex;

  std::string operator()(std::string_view request) {
    const std::lock_guard lock(mutex);
    const std::string line(request.substr(0, request.find(" HTTP/")));
    if (line == "GET /containers/json?all=true") return chiron::testing::http_answer(200, list());
    if (line.starts_with("GET /events?since=")) return chiron::testing::http_answer(200, events(line));
    if (line.starts_with("POST ")) deeds.push_back(line);
    if (before_inspection && line.starts_with("GET ")) before_inspection();
    std::string rest = line.substr(line.find("/containers/") + 12);
    const std::string wanted = rest.substr(0, rest.find('/'));
    rest = rest.substr(rest.find('/') + 1);
    for (auto& [id, container] : containers) {
      if (id != wanted && container.name != wanted) continue;
      if (rest == "json") return chiron::testing::http_answer(200, describe(id, container));
      return act(rest, container);
    }
    return chiron::testing::http_answer(404, R"({"message":"No such container"})");
  }

 private:
  std::string list() const {
    std::string rows;
    for (const auto& [id, container] : containers)
      rows += (rows.empty() ? "" : ",") + (R"({"Id":")" + id + "\"}");
    return "[" + rows + "]";
  }
  std::string events(const std::string& line) const {
    std::string lines;
    for (const auto& [id, container] : containers) {
      if (line.find(id) == line.npos) continue;
      std::int64_t time = to_ms(system_clock().wall()) / 1000 - std::ssize(container.events);
      for (const std::string& event : container.events) {
        const std::string action = event.substr(0, event.find(' '));
        const std::string signal = event == action ? "" : event.substr(action.size() + 1);
        lines += R"({"Type":"container","Action":")" + action + R"(","Actor":{"ID":")" + id +
                 R"(","Attributes":{"signal":")" + signal + R"("}},"time":)" + std::to_string(++time) + "}\n";
      }
    }
    return lines;
  }
  static std::string describe(const std::string& id, const Container& c) {
    const std::string health = c.health.empty() ? "" : R"(,"Health":{"Status":")" + c.health + "\"}";
    return R"({"Id":")" + id + R"(","Name":"/)" + c.name + R"(","State":{"Status":")" + c.state +
           R"(","Pid":1,"ExitCode":)" + std::to_string(c.exit_code) + R"(,"StartedAt":"2024-01-01T00:00:)" +
           std::to_string(10 + c.runs) + R"(Z")" + health + R"(},"Config":{"Labels":{"app":"shop"}},)" +
           R"("HostConfig":{"RestartPolicy":{"Name":")" + c.policy + R"("}}})";
  }
  static std::string act(const std::string& verb, Container& container) {
    if (verb.starts_with("restart") || verb.starts_with("start")) {
      ++container.runs;
      container.state = container.state_after_start;
      container.health = container.health_after_start;
    } else {
      container.state = "exited";
      container.exit_code = 137;
    }
    return chiron::testing::http_answer(204, "");
  }
};

class ContainerActionTest : public ::testing::Test {
 protected:
  FakeEngine engine_;
  chiron::testing::EngineServer server_{[this](std::string_view request) { return engine_(request); }};
  chiron::testing::ActionFixture fixture_;
  Report report_;

  Status run(Action& action, const std::string& container = "web", Duration within = seconds(20),
             bool manual = false) {
    chiron::testing::ArgumentBuilder arguments;
    arguments.text("container", container).text("socket", server_.path());
    if (Status filled = arguments.fill(action); !filled.ok()) return filled;
    ActionContext context = fixture_.context(within);
    context.manual = manual;
    return action.run(context, report_);
  }
};

TEST_F(ContainerActionTest, RestartWaitsUntilItIsHealthy) {
  engine_.containers[id_of('a')] = {.name = "web", .health = "unhealthy", .health_after_start = "starting"};
  int looks = 0;
  engine_.before_inspection = [&] {
    FakeEngine::Container& web = engine_.containers[id_of('a')];
    if (web.runs == 2 && ++looks == 3) web.health = "healthy";
  };
  ContainerRestart restart;
  const Status done = run(restart);
  ASSERT_TRUE(done.ok()) << done.error().to_string();
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(report_.summary, "restarted container web");
  EXPECT_THAT(engine_.deeds, ::testing::ElementsAre("POST /containers/" + id_of('a') + "/restart?t=10"));
}

TEST_F(ContainerActionTest, OneThatStaysUnhealthyOrDoesNotStayUpFailed) {
  ContainerRestart restart;
  engine_.containers[id_of('a')] = {.name = "web", .health = "unhealthy", .health_after_start = "unhealthy"};
  EXPECT_THAT(run(restart).error().to_string(), HasSubstr("up and not healthy"));
  engine_.containers[id_of('a')] = {.name = "web", .state_after_start = "exited"};
  EXPECT_THAT(run(restart).error().to_string(), HasSubstr("did not stay up"));
  engine_.containers[id_of('a')] = {.name = "web", .health = "unhealthy", .health_after_start = "starting"};
  EXPECT_EQ(run(restart, "web", milliseconds(300)).error().code(), ErrorCode::timed_out);
}

TEST_F(ContainerActionTest, ANameThatLeadsToAnotherContainerIsLeftAlone) {
  engine_.containers[id_of('a')] = {.name = "web"};
  int looks = 0;
  engine_.before_inspection = [&] {
    if (++looks != 2) return;
    engine_.containers.clear();
    engine_.containers[id_of('b')] = {.name = "web"};
  };
  ContainerRestart restart;
  EXPECT_THAT(run(restart).error().to_string(), HasSubstr("another container of that name"));
  EXPECT_TRUE(engine_.deeds.empty());
}

TEST_F(ContainerActionTest, OneThatSomebodyStartedMeanwhileIsLeftAlone) {
  engine_.containers[id_of('a')] = {.name = "web"};
  int looks = 0;
  engine_.before_inspection = [&] {
    if (++looks == 2) ++engine_.containers[id_of('a')].runs;
  };
  ContainerRestart restart;
  EXPECT_THAT(run(restart).error().to_string(), HasSubstr("somebody else meanwhile"));
  EXPECT_TRUE(engine_.deeds.empty());
}

TEST(ContainerPolicy, TheContainerThatThisProcessRunsInIsNeverTouched) {
  chiron::testing::TempDir root;
  const HostPaths paths{HostPaths::Roots{root / "proc", root / "sys", "/"}};
  const auto denied = [&](const std::string& id, const std::string& name = "any") {
    ContainerDetail container;
    container.id = id;
    container.name = name;
    const Status allowed = check_container_not_denied(paths, container);
    return !allowed && allowed.error().code() == ErrorCode::permission_denied;
  };
  root.write("proc/self/cgroup", "0::/system.slice/docker-" + id_of('a') + ".scope\n");
  EXPECT_TRUE(denied(id_of('a')));
  EXPECT_FALSE(denied(id_of('b')));
  // In a control group namespace of its own; of b only something else is mounted.
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", "1 2 8:1 /var/lib/docker/containers/" + id_of('b') +
                                        "/mounts/shm /run/shm rw - ext4 /dev/sda rw\n" +
                                        "3 2 8:1 /var/lib/docker/containers/" + id_of('a') +
                                        "/hostname /etc/hostname rw - ext4 x rw\n");
  EXPECT_TRUE(denied(id_of('a')));
  EXPECT_FALSE(denied(id_of('b')));
  EXPECT_FALSE(denied(id_of('b'), "chiron-prometheus-1"))
      << "of deploy/compose.yml, and no less to be healed";
}

TEST_F(ContainerActionTest, ItsOwnIsNotStoppedByHandEither) {
  chiron::testing::TempDir root;
  root.write("proc/self/cgroup", "0::/docker/" + id_of('a') + "\n");
  fixture_.paths = HostPaths{HostPaths::Roots{root / "proc", root / "sys", "/"}};
  engine_.containers[id_of('a')] = {.name = "web"};
  ContainerStop stop;
  EXPECT_EQ(run(stop, "web", seconds(5), true).error().code(), ErrorCode::permission_denied);
  EXPECT_TRUE(engine_.deeds.empty());
}

TEST_F(ContainerActionTest, TheConfiguredSocketIsTheOneThatIsUsed) {
  engine_.containers[id_of('a')] = {.name = "web"};
  const std::vector<std::string> sockets = {server_.path()};
  ContainerStop stop;
  ASSERT_TRUE(chiron::testing::ArgumentBuilder().text("container", "web").fill(stop).ok());
  ActionContext context = fixture_.context(seconds(20));
  context.container_sockets = sockets;
  const Status done = stop.run(context, report_);
  EXPECT_TRUE(done.ok()) << done.error().to_string();
  const std::vector<std::string> none = {"/nonexistent/engine.sock"};
  context.container_sockets = none;
  EXPECT_THAT(stop.run(context, report_).error().to_string(), HasSubstr("collectors.containers.socket"));
  EXPECT_EQ(engines_of(context).error().code(), ErrorCode::unavailable);
}

TEST_F(ContainerActionTest, StopAndKillSeeTheEnd) {
  engine_.containers[id_of('a')] = {.name = "web"};
  ContainerStop stop;
  ASSERT_TRUE(run(stop).ok());
  ContainerStop again;
  ASSERT_TRUE(run(again).ok());
  EXPECT_THAT(report_.summary, HasSubstr("nothing to do"));
  EXPECT_EQ(engine_.deeds.size(), 1);
  engine_.containers[id_of('a')].state = "running";
  ContainerKill kill;
  ASSERT_TRUE(run(kill).ok());
  EXPECT_EQ(engine_.deeds.back(), "POST /containers/" + id_of('a') + "/kill?signal=SIGKILL");
}

TEST_F(ContainerActionTest, WhatSomebodyStoppedStaysStoppedWhateverItsExitCode) {
  struct Case {
    std::vector<std::string> events;
    bool acts;
  };
  const Case cases[] = {
      {{"start", "die"}, true},
      {{"start", "kill 15", "die", "stop"}, false},
      {{"start", "die", "stop"}, false},
      {{"start", "kill 9", "die"}, false},
      {{"start", "kill", "died"}, false},
      {{"start", "kill 1", "die"}, true},
      {{"start", "kill 15", "die", "stop", "start", "die"}, true},
      {{"start"}, false},
      {{}, false},
  };
  for (const Case& one : cases) {
    engine_.containers[id_of('a')] = {.name = "web", .state = "exited", .exit_code = 3, .events = one.events};
    engine_.deeds.clear();
    report_ = {};
    ContainerStart start;
    const Status done = run(start);
    EXPECT_EQ(done.ok(), one.acts) << ::testing::PrintToString(one.events);
    EXPECT_EQ(report_.left_alone, !one.acts) << ::testing::PrintToString(one.events);
    EXPECT_EQ(engine_.deeds.empty(), !one.acts) << ::testing::PrintToString(one.events);
  }
  engine_.containers[id_of('a')] = {
      .name = "web", .state = "exited", .exit_code = 3, .events = {"kill 15", "die", "stop"}};
  ContainerStart start;
  EXPECT_TRUE(run(start, "web", seconds(20), true).ok()) << "a person asks for it now";
}

TEST_F(ContainerActionTest, OneThatIsBeingStoppedIsLeftAlone) {
  engine_.containers[id_of('a')] = {
      .name = "web", .health = "unhealthy", .health_after_start = "healthy", .events = {"start", "kill 15"}};
  ContainerRestart restart;
  EXPECT_THAT(run(restart).error().to_string(), HasSubstr("is being stopped"));
  EXPECT_TRUE(report_.left_alone);
  EXPECT_TRUE(engine_.deeds.empty());
}

TEST(ContainerPolicy, ASignalThatARunSurvivedIsOver) {
  const auto now = WallTime(std::chrono::seconds(10'000));
  const auto event = [](const char* action, double time) {
    return ContainerEvent{.id = id_of('a'), .action = action, .signal = "15", .time = time};
  };
  const ContainerEvent survived[] = {event("kill", 5000), event("die", 9990)};
  EXPECT_EQ(stop_request_of(survived, now), StopRequest::none);
  EXPECT_EQ(stop_request_of(std::span(survived).first(1), now), StopRequest::unknown);
  const ContainerEvent killed[] = {event("kill", 9985), event("die", 9990)};
  EXPECT_EQ(stop_request_of(killed, now), StopRequest::requested);
}

TEST_F(ContainerActionTest, AbsentRefusedAndHanging) {
  ContainerRestart restart;
  EXPECT_EQ(run(restart, "nobody").error().code(), ErrorCode::not_found);
  EXPECT_EQ(run(restart, "../../etc").error().code(), ErrorCode::invalid_argument);
  engine_.containers[id_of('a')] = {.name = "web"};
  engine_.before_inspection = [] { std::this_thread::sleep_for(milliseconds(300)); };
  EXPECT_EQ(run(restart, "web", milliseconds(50)).error().code(), ErrorCode::timed_out);
  EXPECT_TRUE(engine_.deeds.empty());
}

TEST_F(ContainerActionTest, RollingRestartStopsAtTheFirstThatIsNotHealthy) {
  engine_.containers[id_of('a')] = {.name = "one", .health = "healthy", .health_after_start = "healthy"};
  engine_.containers[id_of('b')] = {.name = "two", .health = "healthy", .health_after_start = "unhealthy"};
  engine_.containers[id_of('c')] = {.name = "zzz", .health = "healthy", .health_after_start = "healthy"};
  engine_.containers[id_of('d')] = {.name = "off", .state = "exited"};
  ContainerRollingRestart rolling;
  chiron::testing::ArgumentBuilder arguments;
  arguments.text("socket", server_.path()).pairs("labels", {{"app", "shop"}});
  ASSERT_TRUE(arguments.fill(rolling).ok());
  ActionContext context = fixture_.context(seconds(20));
  const Result<Plan> plan = rolling.plan(context);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->objects, 3);
  const Status done = rolling.run(context, report_);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().to_string(), HasSubstr("stopped after 1 of 3"));
  EXPECT_EQ(engine_.deeds.size(), 2);
  EXPECT_EQ(engine_.containers[id_of('c')].runs, 1);
}

ContainerDetail ended(int exit_code, const std::string& policy) {
  ContainerDetail container;
  container.name = "web";
  container.state = "exited";
  container.started_at = 1;
  container.exit_code = exit_code;
  container.restart_policy = policy;
  return container;
}

TEST(ContainerPolicy, AnOperatorsStopIsNotUndone) {
  const auto verdict = [](const ContainerDetail& container, bool manual = false) {
    return judge(ContainerVerb::restart, container, {.manual = manual, .stop = StopRequest::none}).verdict;
  };
  EXPECT_EQ(verdict(ended(1, "no")), Verdict::act);
  EXPECT_EQ(verdict(ended(139, "on-failure")), Verdict::act);
  for (const int stopped : {0, 130, 137, 143}) {
    EXPECT_EQ(verdict(ended(stopped, "no")), Verdict::leave_alone) << stopped;
    EXPECT_EQ(verdict(ended(stopped, "no"), true), Verdict::act) << stopped;
  }
  EXPECT_EQ(verdict(ended(1, "always")), Verdict::leave_alone);
  EXPECT_EQ(verdict(ended(1, "unless-stopped")), Verdict::leave_alone);
  ContainerDetail starved = ended(137, "no");
  starved.oom_killed = true;
  EXPECT_EQ(verdict(starved), Verdict::act);
  for (const auto& [stop, expected] : {std::pair{StopRequest::unknown, Verdict::act},
                                       std::pair{StopRequest::requested, Verdict::leave_alone}}) {
    EXPECT_EQ(judge(ContainerVerb::start, starved, {.stop = stop}).verdict, expected);
  }
  ContainerDetail never = ended(0, "no");
  never.started_at = 0;
  never.state = "created";
  EXPECT_EQ(verdict(never), Verdict::leave_alone);
  for (const char* state : {"paused", "restarting", "removing", "dead"}) {
    ContainerDetail container = ended(1, "no");
    container.state = state;
    EXPECT_EQ(verdict(container), Verdict::leave_alone) << state;
  }
}

}  // namespace
}  // namespace chiron::remediation
