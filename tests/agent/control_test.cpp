#include "agent/control.h"

#include "exporter/base/file.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <future>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;

class ControlTest : public ::testing::Test {
 protected:
  void start(ControlServer::Handler handler) {
    auto server = ControlServer::start(path_, std::move(handler), log_);
    ASSERT_TRUE(server.ok()) << server.error().to_string();
    server_ = *std::move(server);
  }
  FileDescriptor connect() const {
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  testing::TempDir dir_;
  testing::RecordingLog log_;
  const std::string path_ = dir_ / "control.sock";
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlTest, AnswersALineWithALineAndKnowsItsPeer) {
  start([](const std::string& request, const Peer& peer) {
    return request + " from " + std::to_string(peer.uid) + " " + std::to_string(peer.pid);
  });
  const auto reply = control_request(path_, "{}", 5s);
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  EXPECT_EQ(*reply, "{} from " + std::to_string(::getuid()) + " " + std::to_string(::getpid()));
}

TEST_F(ControlTest, ManyAskAtOnce) {
  start([](const std::string& request, const Peer&) { return request; });
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto reply = control_request(path_, std::to_string(i), 5s);
      right += reply.ok() && *reply == std::to_string(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
}

TEST_F(ControlTest, AHandlerIsToldThatItsPeerWentAway) {
  std::promise<void> entered, left;
  start([&](const std::string&, const Peer& peer) {
    EXPECT_FALSE(peer.gone());
    entered.set_value();
    while (!peer.gone()) std::this_thread::yield();
    left.set_value();
    return std::string("{}");
  });
  FileDescriptor connection = connect();
  ASSERT_EQ(::send(connection.get(), "{}\n", 3, 0), 3);
  entered.get_future().wait();
  auto gone = left.get_future();
  // It sends no more, but waits for its answer.
  ASSERT_EQ(::shutdown(connection.get(), SHUT_WR), 0);
  EXPECT_EQ(gone.wait_for(50ms), std::future_status::timeout);
  connection.reset();
  EXPECT_EQ(gone.wait_for(10s), std::future_status::ready);
}

TEST_F(ControlTest, AnIdleConnectionDoesNotKeepItFromStopping) {
  start([](const std::string& request, const Peer&) { return request; });
  const FileDescriptor idle = connect();
  server_.reset();
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ControlTest, RefusesAnEndlessLine) {
  start([](const std::string&, const Peer&) { return std::string("handled"); });
  const auto reply = control_request(path_, std::string(ControlServer::kMaxRequest + 1, 'x'), 5s);
  ASSERT_TRUE(reply.ok());
  EXPECT_THAT(*reply, ::testing::HasSubstr("longer than 1 MiB"));
}

TEST_F(ControlTest, AnswersALineOfTheGreatestLength) {
  start([](const std::string& request, const Peer&) { return std::to_string(request.size()); });
  const auto reply = control_request(path_, std::string(ControlServer::kMaxRequest, 'x'), 5s);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(*reply, std::to_string(ControlServer::kMaxRequest));
}

TEST_F(ControlTest, StopsInItsTimeWhateverAHandlerDoes) {
  std::promise<void> entered;
  std::promise<void> go_on;
  start([&entered, gone_on = go_on.get_future().share()](const std::string&, const Peer&) {
    entered.set_value();
    gone_on.wait();
    return std::string("late");
  });
  std::future<Result<std::string>> asked =
      std::async(std::launch::async, [this] { return control_request(path_, "{}", 10s); });
  entered.get_future().wait();
  EXPECT_FALSE(server_->stop(10ms));
  EXPECT_FALSE(control_request(path_, "{}", 1s).ok());
  go_on.set_value();
  EXPECT_TRUE(server_->stop(10s));
  EXPECT_EQ(asked.get().value_or("none"), "late");
}

TEST_F(ControlTest, OneConnectionTooManyIsTurnedAwayAndTheNextIsServed) {
  start([](const std::string& request, const Peer&) { return request; });
  std::vector<FileDescriptor> idle;
  for (std::size_t i = 0; i < ControlServer::kMaxConnections; ++i) {
    idle.push_back(connect());
    const std::string line = "x\n";
    ASSERT_EQ(::write(idle.back().get(), line.data(), line.size()), 2);
    std::array<char, 8> reply{};
    ASSERT_EQ(::read(idle.back().get(), reply.data(), reply.size()), 2);
  }
  EXPECT_THAT(control_request(path_, "{}", 5s).value_or(""), ::testing::HasSubstr("too many connections"));
  idle.clear();
  const BootTime limit = system_clock().boot() + 10s;
  std::string reply;
  while (reply != "{}" && system_clock().boot() < limit)
    reply = control_request(path_, "{}", 5s).value_or("");
  EXPECT_EQ(reply, "{}");
}

TEST_F(ControlTest, SaysThatNoAgentAnswers) {
  const auto reply = control_request(path_, "{}", 1s);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(reply.error().message(), ::testing::HasSubstr("is it running"));
}

TEST_F(ControlTest, TimesOutOnAHandlerThatIsSlow) {
  std::promise<void> go_on;
  start([gone_on = go_on.get_future().share()](const std::string&, const Peer&) {
    gone_on.wait();
    return std::string();
  });
  const auto reply = control_request(path_, "{}", 50ms);
  go_on.set_value();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code(), ErrorCode::timed_out);
}

TEST_F(ControlTest, RefusesAPathThatIsTooLong) {
  EXPECT_FALSE(ControlServer::start(dir_ / std::string(200, 'x'), nullptr, log_).ok());
}

}  // namespace
}  // namespace chiron::agent
