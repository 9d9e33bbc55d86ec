#include "exporter/http/server.h"

#include "tests/support/raw_socket.h"
#include "tests/support/recording_log.h"

#include <future>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace chiron::http {
namespace {

using testing::RawSocket;
using namespace std::chrono_literals;

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

class ServerTest : public ::testing::Test {
 protected:
  void start(Options options = {}) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    auto started = Server::start(std::move(options), routes(), log_);
    ASSERT_TRUE(started) << started.error().to_string();
    server_ = *std::move(started);
    address_ = server_->addresses().at(0);
  }
  std::vector<Route> routes() {
    const auto echo = [](const Request& r) {
      return Response{.body = r.method + " " + r.path + " [" + r.body + "] a=" + r.param("a")};
    };
    const auto show_parameters = [](const Request& r) {
      Response response;
      for (const auto& [name, value] : r.all_params()) response.body += name + "=" + value + ";";
      return response;
    };
    return {{"GET", "/echo", "", echo},
            {"POST", "/echo", "", echo},
            {"GET", "/label/*", "", [](const Request& r) { return Response{.body = "prefix " + r.path}; }},
            {"GET", "/label/x", "", [](const Request&) { return Response{.body = "exact"}; }},
            {"GET", "/throw", "", [](const Request&) -> Response { throw std::runtime_error("oops"); }},
            {"GET", "/big", "", [](const Request&) { return Response{.body = std::string(64 << 20, 'x')}; }},
            {"GET", "/form", "", show_parameters},
            {"POST", "/form", "", show_parameters},
            {"GET", "/long", "",
             [this](const Request& r) {
               const bool before = r.gone();
               entered_.set_value();
               const auto deadline = std::chrono::steady_clock::now() + 30s;
               bool gone = false;
               while (!gone && std::chrono::steady_clock::now() < deadline) gone = r.gone();
               left_.set_value(!before && gone);
               return Response{};
             }},
            {"GET", "/wait", "", [this](const Request&) {
               entered_.set_value();
               release_.get_future().wait();
               return Response{.body = "waited"};
             }}};
  }
  std::string ask(std::string_view request) {
    RawSocket socket = RawSocket::connect_to(address_);
    socket.send(request);
    return socket.receive_response();
  }
  std::string get(std::string_view target, std::string_view headers = {}) {
    return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) +
               "\r\n");
  }

  testing::RecordingLog log_;
  std::promise<void> entered_, release_;
  std::promise<bool> left_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

TEST_F(ServerTest, AnswersKnownPaths) {
  start();
  EXPECT_THAT(get("/echo?a=1%202+3&a=4"), ::testing::HasSubstr("GET /echo [] a=1 2 3"));
  EXPECT_THAT(get("/label/job/values"), ::testing::HasSubstr("prefix /label/job/values"));
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_THAT(get("/label/a%2fb%20c"), ::testing::HasSubstr("prefix /label/a/b c"));
}

TEST_F(ServerTest, ParametersOfAFormComeBeforeThoseOfTheQuery) {
  start();
  EXPECT_THAT(get("/form?a=1%26&b&a=2&%zz=3&c=%zz"), ::testing::EndsWith("\r\n\r\na=1&;b=;a=2;"));
  EXPECT_THAT(ask("POST /form?a=1&b=2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n"
                  "Content-Type: application/x-www-form-urlencoded\r\n\r\na=3&c=4"),
              ::testing::EndsWith("a=3;c=4;a=1;b=2;"));
}

TEST_F(ServerTest, TellsAHandlerThatItsClientWentAway) {
  start();
  {
    RawSocket socket = RawSocket::connect_to(address_);
    socket.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
    entered_.get_future().wait();
  }
  EXPECT_TRUE(left_.get_future().get());
}

TEST_F(ServerTest, TellsAHandlerThatItsClientResetTheConnection) {
  start();
  {
    RawSocket socket = RawSocket::connect_to(address_);
    socket.send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n");
    entered_.get_future().wait();
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  EXPECT_TRUE(left_.get_future().get());
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  start();
  RawSocket socket = RawSocket::connect_to(address_);
  socket.send("HEAD /label/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string answer = socket.receive_all();
  EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, ::testing::HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesWhatIsNotThere) {
  start();
  EXPECT_THAT(get("/nope"),
              ::testing::AllOf(::testing::HasSubstr(" 404 "), ::testing::HasSubstr("page not found")));
  EXPECT_THAT(get("/labelx"), ::testing::HasSubstr(" 404 "));
  EXPECT_THAT(get("/echo/../label/x"), ::testing::HasSubstr(" 404 "));
  EXPECT_THAT(
      ask("DELETE /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      ::testing::AllOf(::testing::HasSubstr(" 405 "), ::testing::HasSubstr("Allow: GET, HEAD, POST\r\n")));
  EXPECT_THAT(ask("POST /label/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
              ::testing::HasSubstr(" 405 "));
}

TEST_F(ServerTest, RefusesMalformedRequests) {
  start();
  EXPECT_THAT(get("/label/a%00b"), ::testing::HasSubstr(" 400 "));
  EXPECT_THAT(get("/label/a%zz"), ::testing::HasSubstr(" 400 "));
  EXPECT_THAT(get("/label/a%2"), ::testing::HasSubstr(" 400 "));
  for (const char* nonsense : {"\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"}) {
    RawSocket socket = RawSocket::connect_to(address_);
    socket.send(nonsense);
    EXPECT_THAT(socket.receive_all(),
                ::testing::AnyOf(::testing::HasSubstr(" 400 "), ::testing::HasSubstr(" 505 ")))
        << nonsense;
  }
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
}

TEST_F(ServerTest, RefusesWhatAProxyMightReadInAnotherWay) {
  start();
  for (const char* headers : {"Host: localhost\r\nHost: evil.example\r\n",
                              "Host: localhost\r\nContent-Length: 3\r\nContent-Length: 5\r\n",
                              "Host: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"}) {
    EXPECT_THAT(ask("POST /echo HTTP/1.1\r\n" + std::string(headers) + "\r\nabc"),
                ::testing::HasSubstr(" 400 "))
        << headers;
  }
}

TEST_F(ServerTest, APreflightOfAnotherSiteIsNotGranted) {
  start();
  const std::string answer =
      ask("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
          "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n");
  EXPECT_THAT(answer, ::testing::HasSubstr(" 405 "));
  EXPECT_THAT(answer, ::testing::Not(::testing::HasSubstr("Access-Control")));
}

TEST_F(ServerTest, TheTypeOfAFormHasNoCase) {
  start();
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                  "Content-Type: Application/X-WWW-Form-Urlencoded ; charset=utf-8\r\n\r\na=b+c"),
              ::testing::HasSubstr("a=b c"));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                  "Content-Type: application/x-www-form-urlencoded-not\r\n\r\na=b+c"),
              ::testing::EndsWith("a="));
}

TEST_F(ServerTest, ReadsLongLists) {
  start();
  EXPECT_THAT(get("/echo?x=" + std::string(100'000, 'a')), ::testing::HasSubstr(" 200 "));
}

TEST_F(ServerTest, ReadsBodiesUpToTheLimit) {
  start({.body_limit = 100});
  const std::string host = " HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_THAT(ask("POST /echo" + host +
                  "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=b%26c"),
              ::testing::HasSubstr("POST /echo [a=b%26c] a=b&c"));
  EXPECT_THAT(ask("POST /echo" + host + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
              ::testing::HasSubstr("[abc]"));
  EXPECT_THAT(ask("POST /echo" + host + "Content-Length: 101\r\n\r\n"), ::testing::HasSubstr(" 413 "));
  EXPECT_THAT(ask("POST /echo" + host + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') +
                  "\r\n0\r\n\r\n"),
              ::testing::HasSubstr(" 413 "));
  EXPECT_THAT(ask("POST /echo" + host + "Content-Length: -5\r\n\r\n"), ::testing::HasSubstr(" 411 "));
}

TEST_F(ServerTest, ReadsBodiesOfManyBlocksAndOfExactlyTheLimit) {
  constexpr std::size_t kLimit = 40'000;
  start({.body_limit = kLimit});
  const auto post = [this](std::string_view headers, std::string_view body) {
    return ask(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n{}", headers, body));
  };
  const auto chunked = [&](std::string_view body) {
    return post("Transfer-Encoding: chunked", fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body));
  };
  std::string text;
  for (int i = 0; text.size() < kLimit; ++i) text += std::to_string(i);
  for (const std::size_t size : {std::size_t{16 << 10}, std::size_t{16 << 10} + 1, kLimit}) {
    const std::string body = text.substr(0, size);
    EXPECT_THAT(post(fmt::format("Content-Length: {}", size), body), ::testing::HasSubstr("[" + body + "]"));
    EXPECT_THAT(chunked(body), ::testing::HasSubstr("[" + body + "]"));
  }
  EXPECT_THAT(chunked(text.substr(0, kLimit) + "x"), ::testing::HasSubstr(" 413 "));
}

TEST_F(ServerTest, SurvivesAHandlerThatThrows) {
  start();
  EXPECT_THAT(get("/throw"), ::testing::HasSubstr(" 500 "));
  EXPECT_EQ(log_.count("oops"), 1U);
}

TEST_F(ServerTest, ChecksTheHostHeader) {
  start({.allowed_hosts = {"Web-1.example:9100"}});
  const auto with_host = [this](const std::string& host) {
    return ask("GET /label/x HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const char* good : {"localhost", "LOCALHOST:10071", "127.0.0.1:1", "10.0.0.7:10071", "[::1]:10071",
                           "web-1.example:10071"}) {
    EXPECT_THAT(with_host(good), ::testing::HasSubstr(" 200 ")) << good;
  }
  for (const char* bad : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[evil"}) {
    EXPECT_THAT(with_host(bad),
                ::testing::AllOf(::testing::HasSubstr(" 403 "), ::testing::HasSubstr("allowed_hosts")))
        << bad;
  }
}

TEST_F(ServerTest, AllowsAnyHostOnDemand) {
  start({.allowed_hosts = {"*"}});
  EXPECT_THAT(ask("GET /label/x HTTP/1.1\r\nHost: any.example\r\n\r\n"), ::testing::HasSubstr(" 200 "));
}

TEST_F(ServerTest, KeepsConnectionsAlive) {
  start();
  RawSocket socket = RawSocket::connect_to(address_);
  for (int i = 0; i < 3; ++i) {
    socket.send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(socket.receive_response(), ::testing::EndsWith("exact")) << i;
  }
}

TEST_F(ServerTest, NamesTheAddressThatIsTaken) {
  start();
  const auto second = Server::start({.listen = {address_}}, {}, log_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(),
              ::testing::AllOf(::testing::HasSubstr(address_), ::testing::HasSubstr("in use"),
                               ::testing::HasSubstr("--web.listen-address")));
}

TEST_F(ServerTest, RefusesAddressesItCannotUse) {
  for (const char* text :
       {"", "9100", "localhost", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "[::1]:9100"}) {
    EXPECT_FALSE(Server::start({.listen = {text}}, {}, log_)) << text;
  }
  EXPECT_FALSE(Server::start({}, {}, log_));
}

TEST_F(ServerTest, ListensOnSeveralAddresses) {
  start({.listen = {"127.0.0.1:0", "localhost:0", ":0"}});
  ASSERT_EQ(server_->addresses().size(), 3U);
  for (const std::string& address : server_->addresses()) {
    address_ = "127.0.0.1" + address.substr(address.rfind(':'));
    EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact")) << address;
  }
}

TEST_F(ServerTest, IdleConnectionsDoNotHoldWorkers) {
  start({.workers = 2, .keep_alive_timeout_ms = 60'000});
  std::vector<RawSocket> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(RawSocket::connect_to(address_));
    idle.back().send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(idle.back().receive_response(), ::testing::EndsWith("exact"));
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_LT(since(begin), 20s);
}

TEST_F(ServerTest, SilentConnectionsDoNotHoldAllWorkers) {
  start({.workers = 2, .request_timeout_ms = 60'000});
  std::vector<RawSocket> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(RawSocket::connect_to(address_));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_LT(since(begin), 30s);
}

// As the agent has it for 40 scrapes: 48 workers.
TEST_F(ServerTest, AnswersWithinASecondBesideIdleAndSlowClients) {
  start({.workers = 48, .request_timeout_ms = 60'000, .keep_alive_timeout_ms = 60'000});
  std::vector<RawSocket> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(RawSocket::connect_to(address_));
  for (int i = 0; i < 100; ++i) {
    clients.push_back(RawSocket::connect_to(address_));
    clients.back().send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(clients.back().receive_response(), ::testing::EndsWith("exact")) << i;
  }
  for (int i = 0; i < 40; ++i) {
    clients.push_back(RawSocket::connect_to(address_));
    clients.back().send("GET /label/x HT");
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_LT(since(begin), 1s);
}

TEST_F(ServerTest, SlowClientsAreCutOffOnceTheyAreTooMany) {
  start({.workers = 3, .patient_workers = 1, .request_timeout_ms = 60'000});
  RawSocket one = RawSocket::connect_to(address_);
  one.send("GET /label/x HT");
  // Alone it has its time.
  EXPECT_EQ(one.receive_all(400ms), "");
  EXPECT_FALSE(one.ended());
  RawSocket other = RawSocket::connect_to(address_);
  other.send("GET /label/x HT");
  one.receive_all();
  EXPECT_TRUE(one.ended());
}

TEST_F(ServerTest, NoMoreThanThePatientWorkersWaitBetweenRequests) {
  start({.workers = 4, .patient_workers = 1, .keep_alive_timeout_ms = 60'000});
  RawSocket first = RawSocket::connect_to(address_), second = RawSocket::connect_to(address_);
  first.send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(first.receive_response(), ::testing::HasSubstr("Connection: keep-alive"));
  second.send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(second.receive_response(), ::testing::HasSubstr("Connection: close"));
}

TEST_F(ServerTest, ATrickledRequestIsCutOff) {
  start({.workers = 1, .request_timeout_ms = 1000});
  RawSocket slow = RawSocket::connect_to(address_);
  std::atomic<bool> cut = false;
  std::thread trickle([&] {
    slow.send("GET /label/x HTTP/1.1\r\nX: ");
    while (!cut && slow.send("y")) slow.receive_all(50ms);
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_LT(since(begin), 30s);
  cut = true;
  trickle.join();
}

TEST_F(ServerTest, ATrickledBodyIsCutOff) {
  start({.workers = 1, .request_timeout_ms = 400});
  RawSocket slow = RawSocket::connect_to(address_);
  slow.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc");
  EXPECT_THAT(slow.receive_response(), ::testing::HasSubstr(" 408 "));
}

TEST_F(ServerTest, ASlowReaderIsCutOff) {
  start({.workers = 1, .request_timeout_ms = 1000});
  RawSocket slow = RawSocket::connect_to(address_);
  slow.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(get("/label/x"), ::testing::EndsWith("exact"));
  EXPECT_LT(since(begin), 30s);
}

TEST_F(ServerTest, StopsQuicklyWithConnectionsOpen) {
  start({.keep_alive_timeout_ms = 60'000});
  RawSocket silent = RawSocket::connect_to(address_);
  RawSocket half = RawSocket::connect_to(address_);
  half.send("GET /label/x HT");
  RawSocket idle = RawSocket::connect_to(address_);
  idle.send("GET /label/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(idle.receive_response(), ::testing::EndsWith("exact"));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(since(begin), 10s);
  server_->stop();
}

TEST_F(ServerTest, StopLetsAHandlerFinish) {
  start();
  RawSocket socket = RawSocket::connect_to(address_);
  socket.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  entered_.get_future().wait();
  std::thread stopper([this] { server_->stop(); });
  release_.set_value();
  EXPECT_THAT(socket.receive_response(), ::testing::EndsWith("waited"));
  stopper.join();
}

TEST_F(ServerTest, FortyRequestsAtOnceAreAllAnswered) {
  start({.workers = 4});
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 40; ++i) clients.emplace_back([&] { answered += get("/label/x").ends_with("exact"); });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 40);
}

}  // namespace
}  // namespace chiron::http
