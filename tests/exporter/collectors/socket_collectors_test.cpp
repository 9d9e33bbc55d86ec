// udp_queues, tcpstat: sums over the sockets of this host.
#include "exporter/collectors/tcp_diag.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class SocketCollectors : public HostFixture {};

constexpr std::string_view kHeadings =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
std::string row(std::string_view state, std::string_view queues) {
  return "   0: 0100007F:2747 00000000:0000 " + std::string(state) + " " + std::string(queues) +
         " 00:00000000 00000000   106        0 15187 2 ffff 0\n";
}

TEST_F(SocketCollectors, UdpQueues) {
  proc("net/udp", std::string(kHeadings) + row("07", "00000010:0000000A") + row("01", "00000001:00000100"));
  make("udp_queues");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_udp_queues{ip="v4",queue="rx"} 266)",
                            R"(node_udp_queues{ip="v4",queue="tx"} 17)"}));
  proc("net/udp6", kHeadings);
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(node_udp_queues{ip="v6",queue="rx"} 0)"));
  EXPECT_EQ(frame_.entries().size(), 4u);
}

TEST_F(SocketCollectors, UdpQueuesBadTableIsLeftOut) {
  make("udp_queues");
  expect_no_data();
  proc("net/udp6", kHeadings);
  for (const auto& [text, place] :
       {std::pair{row("07", "00000010:0000000A") + row("07", "00000010"), "net/udp:3: expected 'SLOT"},
        {row("0F", "0:0"), "net/udp:2: expected 'SLOT"},
        {row("07", "x:0"), "net/udp:2: expected 'SLOT"},
        {std::string("   1: 0100007F:27"), "net/udp:2: expected 'SLOT"}}) {
    proc("net/udp", std::string(kHeadings) + text);
    expect_failure(place);
    EXPECT_EQ(frame_.entries().size(), 2u) << text;
  }
  proc("net/udp", "nonsense\n");
  expect_failure("net/udp:1: expected a line of headings");
  proc("net/udp", "");
  expect_failure("net/udp:1: expected a line of headings");
}

TEST_F(SocketCollectors, TcpstatFromText) {
  proc("net/tcp", std::string(kHeadings) + row("0A", "00000000:00000001") + row("01", "00000010:00000000") +
                      row("06", "00000000:00000000"));
  proc("net/tcp6", std::string(kHeadings) + row("01", "00000002:00000003"));
  make("tcpstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_tcp_connection_states{state="established"} 2)",
                            R"(node_tcp_connection_states{state="listen"} 1)",
                            R"(node_tcp_connection_states{state="rx_queued_bytes"} 4)",
                            R"(node_tcp_connection_states{state="time_wait"} 1)",
                            R"(node_tcp_connection_states{state="tx_queued_bytes"} 18)"}));
}

TEST_F(SocketCollectors, TcpstatBadFiles) {
  make("tcpstat");
  expect_no_data();
  proc("net/tcp", std::string(kHeadings) + row("01", "00000010:00000000") + row("", "00000000:00000000"));
  expect_failure("net/tcp:3: expected 'SLOT");
  EXPECT_TRUE(frame_.entries().empty());
  proc("net/tcp", std::string(kHeadings) + "   0: 0100007F:2747");
  expect_failure("net/tcp:2: expected 'SLOT");
}

class Connection {
 public:
  Connection() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ok_ = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
          ::listen(listener_.get(), 7) == 0 &&
          ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
          ::connect(client_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
    server_.reset(::accept(listener_.get(), nullptr, nullptr));
    ok_ = ok_ && server_ && ::send(client_.get(), "12345", 5, 0) == 5;
  }
  bool ok() const { return ok_; }

 private:
  FileDescriptor listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  FileDescriptor client_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  FileDescriptor server_;
  bool ok_ = false;
};

TEST(TcpDiag, CountsTheSocketsOfThisHost) {
  constexpr std::size_t kEstablished = 1, kListen = 10;
  TcpDiag diag;
  SocketTotals before;
  if (const Status asked = diag.add_sockets(before); !asked) GTEST_SKIP() << asked.error().to_string();
  const Connection connection;
  ASSERT_TRUE(connection.ok());
  SocketTotals with;
  ASSERT_TRUE(diag.add_sockets(with).ok());
  // Other tests and programs connect meanwhile, so only what this connection adds is sure.
  EXPECT_GE(with.by_state[kEstablished], 2u);
  EXPECT_GE(with.by_state[kListen], 1u);
  EXPECT_GE(with.received, 5u);
  EXPECT_GE(with.to_send, 7u);
}

}  // namespace
}  // namespace chiron
