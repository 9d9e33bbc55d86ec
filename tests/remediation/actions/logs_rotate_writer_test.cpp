#include "remediation/actions/logs/rotated_name.h"
#include "tests/remediation/actions/logs_rotate_fixture.h"
#include "tests/support/fake_systemd.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

namespace fs = std::filesystem;
using chiron::testing::FakeSystemd;
using chiron::testing::FakeSystemdState;
using ::testing::HasSubstr;

/// A daemon that appends to a log, and opens it anew on SIGUSR1; each time it has it open, it says so.
class Daemon {
 public:
  explicit Daemon(const std::string& log) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) {
        const int fd = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        int signal = 0;
        if (::write(fd, "up\n", 3) != 3 || ::write(ends[1], "y", 1) != 1 || ::sigwait(&set, &signal) != 0)
          ::_exit(1);
        ::close(fd);
      }
    }
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    ready_ = ends[0];
    ::close(ends[1]);
    wait_until_open();
  }
  ~Daemon() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(ready_);
  }
  void wait_until_open() const {
    char byte = 0;
    if (::read(ready_, &byte, 1) != 1) std::abort();
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int ready_ = -1;
};

struct LogsRotateSignalTest : LogsRotateTest {
  Status run_with_unit(pid_t pid) {
    systemd->units["app.service"].id = "app.service";
    systemd->units["app.service"].names = {"app.service"};
    systemd->units["app.service"].main_pid = static_cast<std::uint32_t>(pid);
    LogsRotate action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd); });
    const auto arguments = logs().text("writer", "signal").text("unit", "app").text("signal", "USR1");
    if (Status status = arguments.fill(action); !status) return status;
    ActionContext context = fixture.context();
    report = {};
    return action.run(context, report);
  }
  std::shared_ptr<FakeSystemdState> systemd = std::make_shared<FakeSystemdState>();
};

TEST_F(LogsRotateSignalTest, RenamesAndTellsTheWriter) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const Daemon daemon(path);
  const Status status = run_with_unit(daemon.pid());
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  daemon.wait_until_open();
  ASSERT_EQ(names().size(), 2U);
  EXPECT_EQ(read(path), "up\n");
  EXPECT_EQ(read(host / ("var/log/" + names()[1])), std::string(2000, 'x') + "up\n");
}

TEST_F(LogsRotateSignalTest, RenamesAndReloadsTheWriter) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const Daemon daemon(path);
  UnitState& app = systemd->units["app.service"];
  app.id = "app.service";
  app.load_state = "loaded";
  app.active_state = "active";
  app.invocation_id = "aa";
  const auto rotate = [&] {
    LogsRotate action([this](BusAddress) { return std::make_unique<FakeSystemd>(systemd); });
    if (Status status = logs().text("writer", "reload").text("reload", "app").fill(action); !status)
      return status;
    ActionContext context = fixture.context();
    report = {};
    return action.run(context, report);
  };
  const Status refused = rotate();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().to_string(), HasSubstr("its writer not told"));
  EXPECT_THAT(refused.error().to_string(), HasSubstr("CanReload=no"));
  // The next run has only to tell it.
  app.can_reload = true;
  systemd->before_job = [&daemon](UnitState&) { ::kill(daemon.pid(), SIGUSR1); };
  const Status status = rotate();
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  daemon.wait_until_open();
  EXPECT_THAT(systemd->calls, ::testing::Contains("reload app.service"));
  ASSERT_EQ(names().size(), 2U);
  EXPECT_EQ(read(path), "up\n");
  EXPECT_EQ(unpack(host / ("var/log/" + names()[1])), std::string(2000, 'x') + "up\n")
      << "let go of, the old part is compressed like any other";
}

// A kill after the rename: the log has its new name, no new one is there, and the writer goes on in the old
// one.
TEST_F(LogsRotateSignalTest, TellsAWriterThatAnEarlierRunDidNotTell) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const Daemon daemon(path);
  fs::rename(path, host / ("var/log/" + rotated_as("a.log", clock.wall())));
  const Status status = run_with_unit(daemon.pid());
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  daemon.wait_until_open();
  EXPECT_EQ(read(path), "up\n");
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(LogsRotateSignalTest, SaysThatAWriterCouldNotBeTold) {
  const std::string path = host.write("var/log/a.log", std::string(2000, 'x'));
  const Daemon daemon(path);
  systemd->failure = Error(ErrorCode::unavailable, "no bus");
  const Status status = run_with_unit(daemon.pid());
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().to_string(), HasSubstr("a.log is rotated, its writer not told: no bus"));
  ASSERT_EQ(names().size(), 2U) << "nothing is lost";
}

}  // namespace
}  // namespace chiron::remediation
