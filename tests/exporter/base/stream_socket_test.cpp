#include "exporter/base/stream_socket.h"

#include "tests/support/scripted_server.h"
#include "tests/support/temp_dir.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(StreamAddress, ReadsWhatPeopleWrite) {
  const auto tcp = parse_stream_address("db-1.example:6379");
  ASSERT_TRUE(tcp.ok());
  EXPECT_EQ(tcp->host, "db-1.example");
  EXPECT_EQ(tcp->port, "6379");
  const auto v6 = parse_stream_address("[::1]:80");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  for (const char* text : {"/run/x.sock", "unix:/run/x.sock"}) {
    const auto path = parse_stream_address(text);
    ASSERT_TRUE(path.ok());
    EXPECT_TRUE(path->is_unix);
    EXPECT_EQ(path->path, "/run/x.sock");
  }
}

TEST(StreamAddress, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "host", "host:", ":80", "host:0", "host:65536", "host:8x", "::1:80",
                           "[::1]", "[]:80", "unix:run/x", "unix:host:80", "a b:80", "run/x.sock"}) {
    const auto address = parse_stream_address(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.error().code(), ErrorCode::invalid_argument);
    EXPECT_NE(address.error().message().find("HOST:PORT"), std::string::npos);
  }
}

TEST(ConnectStream, SaysThatNobodyListens) {
  const testing::TempDir dir;
  const auto absent = connect_stream({.is_unix = true, .path = dir / "none"}, SocketWait::within(seconds(5)));
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().to_string(), "connect: No such file or directory");
  EXPECT_EQ(absent.error().code(), ErrorCode::not_found);
  const auto refused = connect_stream({.host = "127.0.0.1", .port = "1"}, SocketWait::within(seconds(5)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().to_string(), "connect: Connection refused");
}

TEST(ConnectStream, RefusesAPathThatDoesNotFit) {
  const auto long_path =
      connect_stream({.is_unix = true, .path = "/" + std::string(200, 'x')}, SocketWait::within(seconds(5)));
  ASSERT_FALSE(long_path.ok());
  EXPECT_EQ(long_path.error().code(), ErrorCode::invalid_argument);
}

TEST(ConnectStream, ResolvesAName) {
  const auto refused = connect_stream({.host = "localhost", .port = "1"}, SocketWait::within(seconds(20)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().to_string(), "connect: Connection refused");
}

TEST(ConnectStream, GivesUpOnAFullQueueOfConnectionsAtTheDeadline) {
  const testing::TempDir dir;
  const FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (dir / "s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  std::vector<FileDescriptor> taken;
  const BootTime start = system_clock().boot();
  while (true) {
    auto next = connect_stream({.is_unix = true, .path = dir / "s"}, SocketWait::within(milliseconds(100)));
    if (!next.ok()) {
      EXPECT_EQ(next.error().code(), ErrorCode::timed_out);
      break;
    }
    taken.push_back(std::move(*next));
    ASSERT_LT(taken.size(), 100u);
  }
  EXPECT_LT(system_clock().boot() - start, seconds(30));
}

TEST(WaitForSocket, EndsWhenTheWakeDescriptorIsGone) {
  int closed = -1;
  {
    const FileDescriptor wake(::eventfd(0, EFD_CLOEXEC));
    closed = wake.get();
  }
  const Status status = wait_for_socket(-1, 0, SocketWait::within(seconds(60), closed));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
}

TEST(WaitForSocket, TheLongestDurationDoesNotOverflow) {
  EXPECT_GT(SocketWait::within(Duration::max()).deadline, system_clock().boot());
}

TEST(WaitForSocket, EndsWhenWoken) {
  const testing::ScriptedServer hangs;
  const auto fd = connect_stream({.is_unix = true, .path = hangs.path()}, SocketWait::within(seconds(5)));
  ASSERT_TRUE(fd.ok());
  const FileDescriptor wake(::eventfd(1, EFD_CLOEXEC));
  const Status status = wait_for_socket(fd->get(), 1, SocketWait::within(seconds(60), wake.get()));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace chiron
