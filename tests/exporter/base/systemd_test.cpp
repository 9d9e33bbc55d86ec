#include "exporter/base/systemd.h"

#include "tests/support/raw_socket.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using ::testing::HasSubstr;
using testing::RawServer;
using testing::RawSocket;
using testing::TempDir;
using namespace std::chrono_literals;

TEST(UnitNameTest, KnowsWhatSystemdAllows) {
  for (const char* good : {"nginx.service", "a@b.service", "dev-sda\\x2d1.swap", "-.slice",
                           "getty@tty1.service", "a:b_c.timer"}) {
    EXPECT_TRUE(is_valid_unit_name(good)) << good;
  }
  const std::string longest(255 - 8, 'a');
  EXPECT_TRUE(is_valid_unit_name(longest + ".service"));
  for (const std::string& bad :
       {std::string(), std::string("nginx"), std::string(".service"), std::string("../../etc/x.service"),
        std::string("a/b.service"), std::string("a b.service"), std::string("a.service\n"),
        std::string("a..b.service"), std::string("@a.service"), std::string("ä.service"),
        std::string("a.services"), std::string("-h"), std::string("a\0.service", 10), longest + "a.service",
        std::string("a;reboot.service"), std::string("$x.service")}) {
    EXPECT_FALSE(is_valid_unit_name(bad)) << bad;
  }
}

TEST(UnitNameTest, CompletesAsSystemctlDoes) {
  EXPECT_EQ(full_unit_name("nginx"), "nginx.service");
  EXPECT_EQ(full_unit_name("nginx.socket"), "nginx.socket");
  EXPECT_EQ(full_unit_name("php8.2-fpm"), "php8.2-fpm.service");
}

/// Asks everything there is to ask, and gives what failed with which code.
void expect_all_fail(SystemdManager& manager, ErrorCode code, Duration timeout) {
  const CancelToken cancel;
  EXPECT_EQ(manager.list_units(timeout).error().code(), code);
  EXPECT_EQ(manager.unit("a.service", timeout).error().code(), code);
  EXPECT_EQ(manager.system_state(timeout).error().code(), code);
  EXPECT_EQ(manager.version(timeout).error().code(), code);
  EXPECT_EQ(manager.run_job({UnitVerb::restart, "a.service", timeout}, cancel).error().code(), code);
  EXPECT_EQ(manager.reset_failed("a.service", timeout).error().code(), code);
}

TEST(SystemdManagerTest, ABusThatIsNotThereIsUnavailable) {
  const TempDir dir;
  const auto manager = make_systemd_manager({"unix:path=" + (dir / "none")});
  expect_all_fail(*manager, ErrorCode::unavailable, 1s);
  EXPECT_THAT(manager->version(1s).error().to_string(), HasSubstr("none: No such file"));
}

TEST(SystemdManagerTest, ABusThatHangsIsLeftAtTheDeadline) {
  const TempDir dir;
  const RawServer silent([](RawSocket& socket) { socket.receive_all(60s); }, dir / "bus");
  const auto manager = make_systemd_manager({"unix:path=" + (dir / "bus")});
  const auto begin = std::chrono::steady_clock::now();
  expect_all_fail(*manager, ErrorCode::timed_out, 50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(SystemdManagerTest, ABusThatTalksNonsenseIsUnavailable) {
  const TempDir dir;
  const RawServer nonsense(
      [](RawSocket& socket) {
        socket.send("HTTP/1.1 200 OK\r\n\r\n\r\n\r\nOK\r\n");
        socket.receive_all(60s);
      },
      dir / "bus");
  const auto manager = make_systemd_manager({"unix:path=" + (dir / "bus")});
  const auto answer = manager->version(5s);
  ASSERT_FALSE(answer);
  const RawServer closing([](RawSocket&) {}, dir / "closing");
  EXPECT_EQ(make_systemd_manager({"unix:path=" + (dir / "closing")})->version(20s).error().code(),
            ErrorCode::unavailable);
}

TEST(SystemdManagerTest, AnAddressThatIsNoneIsAnError) {
  EXPECT_FALSE(make_systemd_manager({"nonsense"})->version(100ms));
}

TEST(SystemdManagerTest, RefusesNamesBeforeItAsksTheBus) {
  const auto manager = make_systemd_manager({"unix:path=/nonexistent"});
  const CancelToken cancel;
  EXPECT_EQ(manager->unit("../../etc", 1s).error().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(manager->reset_failed("a b.service", 1s).error().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(manager->run_job({UnitVerb::stop, "x", 1s}, cancel).error().code(), ErrorCode::invalid_argument);
}

TEST(SystemdManagerTest, ACancelledJobIsNotStarted) {
  const TempDir dir;
  const RawServer silent([](RawSocket& socket) { socket.receive_all(60s); }, dir / "bus");
  const auto manager = make_systemd_manager({"unix:path=" + (dir / "bus")});
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(manager->run_job({UnitVerb::stop, "a.service", 10s}, cancel).error().code(),
            ErrorCode::cancelled);
  EXPECT_EQ(silent.connections(), 0);
}

TEST(ServiceManagerTest, NotifiesAndKnowsTheWatchdog) {
  const TempDir dir;
  const std::string path = dir / "notify";
  const RawSocket receiver(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  path.copy(where.sun_path, sizeof where.sun_path - 1);
  ASSERT_EQ(::bind(receiver.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_service_manager("READY=1\nSTATUS=up");
  ::unsetenv("NOTIFY_SOCKET");
  notify_service_manager("READY=1");
  char text[100] = {};
  EXPECT_GT(::recv(receiver.fd(), text, sizeof text - 1, MSG_DONTWAIT), 0);
  EXPECT_STREQ(text, "READY=1\nSTATUS=up");
  EXPECT_LT(::recv(receiver.fd(), text, sizeof text - 1, MSG_DONTWAIT), 0);

  // Nobody reads: more than any queue holds is dropped, not waited for.
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  for (int i = 0; i < 10'000; ++i) notify_service_manager("WATCHDOG=1");
  ::unsetenv("NOTIFY_SOCKET");

  EXPECT_EQ(watchdog_interval(), Duration::zero());
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(watchdog_interval(), 3s);
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace chiron
