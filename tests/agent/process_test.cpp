#include "exporter/base/http_client.h"
#include "remediation/ledger/ledger.h"
#include "tests/support/agent_process.h"
#include "tests/support/private_mounts.h"
#include "tests/support/recording_log.h"

#include <fstream>

#include <fcntl.h>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;
using testing::AgentProcess;
using ::testing::HasSubstr;

constexpr const char* kReady = "READY=1";

class Process : public ::testing::Test {
 protected:
  mode_t mode_of(const std::string& path) const {
    struct stat found {};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }
  /// What health says of one thing; of others, such as this host's container engine, a test knows nothing.
  static std::string problem(const AgentProcess& agent, const std::string& what) {
    const nlohmann::json health = agent.ask({{"command", "health"}});
    for (const auto& one : health["problems"]) {
      if (one["what"] == what) return one["detail"].get<std::string>();
    }
    return {};
  }
  static nlohmann::json sleeping_run(const std::string& script) {
    return {{"command", "action.run"},
            {"action", "command.run"},
            {"arguments", {{"argv", {"/bin/sh", "-c", script}}, {"timeout", "10m"}}}};
  }

  testing::TempDir dir_;
};

TEST_F(Process, TellsTheServiceManagerHowItFares) {
  AgentProcess agent(dir_, {});
  ASSERT_TRUE(agent.notified(kReady));
  EXPECT_TRUE(agent.logged("\"serving\""));
  EXPECT_NE(agent.ask({{"command", "health"}})["status"], "failing") << agent.log();
  // At least one between two passes, which are 5 s apart.
  EXPECT_TRUE(agent.notified("WATCHDOG=1") && agent.notified("WATCHDOG=1") && agent.notified("WATCHDOG=1"));
  agent.signal(SIGTERM);
  EXPECT_TRUE(agent.notified("STOPPING=1"));
  EXPECT_EQ(agent.wait_for_exit(), 0);
  EXPECT_TRUE(agent.logged("\"stopped\""));
  EXPECT_NE(::access((agent.storage() + "/control.sock").c_str(), F_OK), 0);
}

TEST_F(Process, AnswersFromTheFirstMomentOn) {
  AgentProcess agent(dir_, {});
  std::vector<std::thread> askers;
  std::atomic<bool> sampled{false};
  const BootTime limit = system_clock().boot() + AgentProcess::kLimit;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back([&] {
      while (!sampled && system_clock().boot() < limit) {
        const nlohmann::json status = agent.ask({{"command", "status"}});
        if (status.contains("store") && status["store"]["series"] > 0) sampled = true;
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_TRUE(sampled);
  EXPECT_TRUE(agent.notified(kReady));
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait_for_exit(), 0) << agent.log();
}

TEST_F(Process, ItsFilesAreForItsUserAndGroupWhateverTheMask) {
  AgentProcess agent(dir_, {});
  ASSERT_TRUE(agent.notified(kReady));
  EXPECT_EQ(mode_of(agent.storage()), 0750u);
  EXPECT_EQ(mode_of(agent.storage() + "/control.sock"), 0660u);
  EXPECT_EQ(mode_of(agent.storage() + "/lock"), 0640u);
  EXPECT_EQ(mode_of(agent.storage() + "/ledger.db"), 0640u);
}

TEST_F(Process, ReloadsOnSighupAllOrNothing) {
  AgentProcess agent(dir_, {});
  ASSERT_TRUE(agent.notified(kReady));
  const auto mode = [&] {
    for (const auto& remedy : agent.ask({{"command", "remedies"}})) {
      if (remedy["name"] == "rescue-disk") return remedy["mode"].get<std::string>();
    }
    return std::string();
  };
  EXPECT_EQ(mode(), "dry-run");
  agent.configure("remedies: {rescue-disk: {mode: automatic}}\n");
  agent.signal(SIGHUP);
  EXPECT_TRUE(agent.notified("RELOADING=1"));
  ASSERT_TRUE(agent.notified(kReady));
  EXPECT_EQ(mode(), "automatic");

  agent.configure("remedies: {rescue-disk: {mode: dry-run}}\nfrobnicate: 1\n");
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.notified("the last reload failed"));
  EXPECT_EQ(mode(), "automatic");
  EXPECT_THAT(problem(agent, "configuration"), HasSubstr("frobnicate"));

  agent.configure("remedies: {rescue-disk: {mode: dry-run}}\n");
  agent.signal(SIGHUP);
  ASSERT_TRUE(agent.notified(kReady));
  EXPECT_EQ(mode(), "dry-run");
  EXPECT_EQ(problem(agent, "configuration"), "");
}

TEST_F(Process, ReloadSaysWhatWaitsForARestartAndTheApiWhatIsInEffect) {
  AgentProcess agent(dir_, {});
  ASSERT_TRUE(agent.notified(kReady));
  ASSERT_TRUE(agent.logged("\"serving\""));
  const std::size_t at = agent.log().find("http://127.0.0.1:");
  ASSERT_NE(at, std::string::npos) << agent.log();
  const std::string base = agent.log().substr(at, agent.log().find("/metrics", at) - at);
  const auto shown = [&] {
    const Result<HttpResponse> answer = http_request({.url = base + "/api/v1/status/config"});
    if (!answer.ok()) return answer.error().to_string();
    return nlohmann::json::parse(answer->body)["data"]["yaml"].get<std::string>();
  };
  EXPECT_THAT(shown(), HasSubstr("sampling.interval: "));
  const std::string before = shown();
  agent.configure(
      "sampling: {interval: 59s}\nservices: [nginx]\nremediation: {mode: 'off'}\n"
      "deletion: {roots: [/var/tmp/only]}\n");
  const nlohmann::json waiting = agent.ask({{"command", "reload"}});
  EXPECT_EQ(waiting["wait_for_restart"], nlohmann::json({"sampling.interval", "services"})) << waiting;
  EXPECT_THAT(shown(), ::testing::Not(HasSubstr("59s")));
  EXPECT_THAT(shown(), ::testing::Not(HasSubstr("nginx")));
  EXPECT_THAT(shown(), HasSubstr("/var/tmp/only"));
  EXPECT_THAT(shown(), ::testing::ContainsRegex("remediation.mode: '?off"));
  agent.configure("");
  EXPECT_EQ(agent.ask({{"command", "reload"}})["wait_for_restart"], nlohmann::json::array());
}

TEST_F(Process, SigtermEndsARunWithinTwoSecondsAndRecordsIt) {
  const std::string fifo = dir_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const FileDescriptor reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  AgentProcess agent(dir_, {});
  ASSERT_TRUE(agent.notified(kReady));
  // Deaf to SIGTERM, with a child: all of it is ended all the same.
  const auto id =
      agent.ask(sleeping_run("trap '' TERM; exec >" + fifo + "; echo here; sleep 600; sleep 600"));
  ASSERT_TRUE(id.is_string()) << id;
  pollfd waiting{reader.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 30'000), 1);
  std::array<char, 16> said{};
  ASSERT_GT(::read(reader.get(), said.data(), said.size()), 0);

  const BootTime before = system_clock().boot();
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait_for_exit(), 0) << agent.log();
  EXPECT_LT(system_clock().boot() - before, 2s);
  // The write end is closed when the last of the group is gone.
  waiting = {reader.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 30'000), 1);
  EXPECT_EQ(::read(reader.get(), said.data(), said.size()), 0);
  testing::RecordingLog log;
  const auto ledger = remediation::Ledger::open_read_only(agent.storage(), system_clock(), log);
  ASSERT_TRUE(ledger.ok());
  const auto run = (*ledger)->run(id.get<std::string>());
  ASSERT_TRUE(run.ok() && run->has_value());
  EXPECT_EQ((*run)->state, remediation::RunState::interrupted) << remediation::to_string((*run)->state);
}

TEST_F(Process, ASecondAgentOnTheDirectoryRefusesAndTheFirstGoesOn) {
  AgentProcess first(dir_, {});
  ASSERT_TRUE(first.notified(kReady));
  const testing::TempDir elsewhere;
  AgentProcess second(elsewhere, {.storage = first.storage()});
  EXPECT_EQ(second.wait_for_exit(), 1);
  EXPECT_THAT(second.log(), HasSubstr("another agent (process " + std::to_string(first.pid()) + ")"));
  EXPECT_NE(first.ask({{"command", "health"}})["status"], "failing");
}

TEST_F(Process, AFaultyStartEndsWithACodeAndTheFault) {
  AgentProcess faulty(dir_, {.configuration = "frobnicate: 1\n"});
  EXPECT_EQ(faulty.wait_for_exit(), 1);
  EXPECT_THAT(faulty.log(), HasSubstr("chiron.yml:1:1: error: unknown key \"frobnicate\""));
  AgentProcess rules(dir_, {.configuration = "rule_files: [absent.yml]\n"});
  EXPECT_EQ(rules.wait_for_exit(), 1);
  EXPECT_THAT(rules.log(), HasSubstr("chiron.yml:1:14: error: there is no file"));
  AgentProcess usage(dir_, {.words = {"--frobnicate"}});
  EXPECT_EQ(usage.wait_for_exit(), 2);
}

TEST_F(Process, ComesUpOnAFullDiskAndRunsRemediesOnceThereIsRoom) {
  if (!testing::is_root()) GTEST_SKIP() << "mounting needs root";
  testing::in_private_mounts([this] {
    const std::string disk = dir_ / "disk";
    ASSERT_EQ(::mkdir(disk.c_str(), 0755), 0);
    ASSERT_EQ(::mount("none", disk.c_str(), "tmpfs", 0, "size=16m"), 0);
    ASSERT_EQ(::mkdir((disk + "/state").c_str(), 0755), 0);
    {
      std::ofstream filler(disk + "/filler");
      while (filler << std::string(1 << 16, 'x') << std::flush) {
      }
    }
    AgentProcess agent(dir_, {.storage = disk + "/state"});
    ASSERT_TRUE(agent.notified(kReady)) << agent.log();
    EXPECT_THAT(problem(agent, "ledger"), HasSubstr("the ledger's disk is full"));
    EXPECT_THAT(agent.ask({{"command", "query"}, {"query", "chiron_ledger_open"}}).dump(),
                HasSubstr(R"("0"])"));
    EXPECT_THAT(agent.ask(sleeping_run("true")).dump(), HasSubstr("could not be recorded"));
    agent.ask({{"command", "remedy.pause"}, {"remedy", "rescue-disk"}});

    ASSERT_EQ(::unlink((disk + "/filler").c_str()), 0);
    ASSERT_TRUE(agent.logged("ledger opened")) << agent.log();
    EXPECT_EQ(problem(agent, "ledger"), "");
    EXPECT_TRUE(agent.ask(sleeping_run("true")).is_string());
    EXPECT_THAT(agent.ask({{"command", "remedies"}}).dump(),
                HasSubstr("rescue-disk is paused until resumed"));
    agent.signal(SIGTERM);
    EXPECT_EQ(agent.wait_for_exit(), 0);
  });
}

TEST_F(Process, ComesUpWithoutAnInodeForItsControlSocket) {
  if (!testing::is_root()) GTEST_SKIP() << "mounting needs root";
  testing::in_private_mounts([this] {
    const std::string disk = dir_ / "disk";
    ASSERT_EQ(::mkdir(disk.c_str(), 0755), 0);
    ASSERT_EQ(::mount("none", disk.c_str(), "tmpfs", 0, "size=16m,nr_inodes=20"), 0);
    ASSERT_EQ(::mkdir((disk + "/state").c_str(), 0755), 0);
    std::ofstream(disk + "/state/lock");
    std::vector<std::string> fillers;
    for (int i = 0; i < 20; ++i) {
      fillers.push_back(disk + "/" + std::to_string(i));
      if (!std::ofstream(fillers.back())) break;
    }
    AgentProcess agent(dir_, {.storage = disk + "/state"});
    ASSERT_TRUE(agent.notified(kReady)) << agent.log();
    EXPECT_TRUE(agent.logged("no control socket"));
    for (const std::string& filler : fillers) ::unlink(filler.c_str());
    ASSERT_TRUE(agent.logged("ledger opened")) << agent.log();
    agent.signal(SIGTERM);
    EXPECT_EQ(agent.wait_for_exit(), 0);
  });
}

}  // namespace
}  // namespace chiron::agent
