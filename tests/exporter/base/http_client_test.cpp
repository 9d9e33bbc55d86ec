#include "exporter/base/http_client.h"

#include "exporter/base/resolver.h"
#include "exporter/base/url.h"
#include "exporter/http/server.h"
#include "tests/support/raw_socket.h"
#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_server.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RawServer;
using testing::RawSocket;
using testing::TempDir;
using namespace std::chrono_literals;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

bool head_complete(const std::string& text) { return text.find("\r\n\r\n") != std::string::npos; }

RawServer::Conversation says(std::string_view answer) {
  return [answer = std::string(answer)](RawSocket& socket) {
    socket.receive(head_complete);
    socket.send(answer);
  };
}
/// Holds the connection open, silent, until the client or the server's end lets go.
void hang(RawSocket& socket) { socket.receive_all(60s); }

Result<HttpResponse> get(const RawServer& server, HttpRequest request = {}) {
  request.url = server.url();
  return http_request(request);
}

TEST(HttpClientTest, AsksTheServerOfThisProgram) {
  testing::RecordingLog log;
  const auto echo = [](const http::Request& r) {
    return http::Response{
        .status = 201,
        .body = r.method + r.path + "?" + r.query + " [" + r.body + "] " + r.header("x-a") + r.header("host"),
        .headers = {{"X-Answer", "42"}}};
  };
  auto server = http::Server::start({.listen = {"127.0.0.1:0"}},
                                    {{"POST", "/p/*", "", echo}, {"GET", "/g", "", echo}}, log);
  ASSERT_TRUE(server);
  const std::string address = (*server)->addresses()[0];
  const auto post = http_request({.method = "POST",
                                  .url = "http://" + address + "/p/x?q=1#f",
                                  .headers = {{"X-A", "b "}},
                                  .body = "hello"});
  ASSERT_TRUE(post) << post.error().to_string();
  EXPECT_EQ(post->status, 201);
  EXPECT_EQ(post->header("x-answer"), "42");
  EXPECT_EQ(post->body, "POST/p/x?q=1 [hello] b" + address);
  const auto head = http_request({.method = "HEAD", .url = "http://" + address + "/g"});
  ASSERT_TRUE(head) << head.error().to_string();
  EXPECT_EQ(head->status, 201);
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(http_request({.url = "http://" + address + "/absent"})->status, 404);
}

TEST(HttpClientTest, ReadsChunkedBodiesAndBodiesUntilTheEnd) {
  const RawServer chunked(
      says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(get(chunked)->body, "abcde");
  const RawServer until_end(says("HTTP/1.0 200 OK\r\n\r\nall of it"));
  EXPECT_EQ(get(until_end)->body, "all of it");
  const RawServer interim(says("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + std::string(kOk)));
  EXPECT_EQ(get(interim)->body, "ok");
}

TEST(HttpClientTest, SpeaksOverUnixSockets) {
  const TempDir dir;
  std::string seen;
  {
    const RawServer server(
        [&seen](RawSocket& socket) {
          seen = socket.receive(head_complete);
          socket.send(kOk);
        },
        dir / "s");
    const auto answer = http_request({.url = "unix://" + (dir / "s"), .target = "/containers/json?all=1"});
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_THAT(seen,
              AllOf(HasSubstr("GET /containers/json?all=1 HTTP/1.1\r\n"), HasSubstr("Host: localhost\r\n")));
}

TEST(HttpClientTest, SaysWhichPhaseFailed) {
  const TempDir dir;
  const auto absent = http_request({.url = "unix://" + (dir / "none")});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), ErrorCode::not_found);
  EXPECT_THAT(absent.error().to_string(), HasSubstr("connect to " + (dir / "none") + ": No such file"));

  const auto too_long = http_request({.url = "unix:///" + std::string(200, 'x')});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ErrorCode::invalid_argument);

  const testing::RefusingPort nobody;
  const std::string& address = nobody.address();
  const auto refused = http_request({.url = "http://" + address});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().to_string(), "connect to " + address + ": Connection refused");

  const auto unknown = http_request({.url = "http://name.invalid/"});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().to_string(), HasSubstr("resolve name.invalid: "));
}

TEST(HttpClientTest, AHangingServerIsLeftAtTheDeadline) {
  const auto begin = std::chrono::steady_clock::now();
  const RawServer silent(hang);
  const auto answer = get(silent, {.timeout = 1s});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(answer.error().to_string(), AllOf(HasSubstr("read from " + silent.address()), HasSubstr("1s")));

  const RawServer in_the_body([](RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    hang(socket);
  });
  EXPECT_EQ(get(in_the_body, {.timeout = 200ms}).error().code(), ErrorCode::timed_out);

  const RawServer trickles([](RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (socket.send("x") && !socket.ended()) socket.receive_all(20ms);
  });
  EXPECT_EQ(get(trickles, {.timeout = 300ms}).error().code(), ErrorCode::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(HttpClientTest, AServerThatDoesNotReadIsLeftAtTheDeadline) {
  std::promise<void> finished;
  const RawServer deaf([&finished](RawSocket&) { finished.get_future().wait(); });
  const auto answer = get(deaf, {.method = "POST", .body = std::string(16 << 20, 'x'), .timeout = 1s});
  finished.set_value();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(answer.error().to_string(), HasSubstr("write to "));
}

TEST(HttpClientTest, RefusesAnswersThatAreNotHttp) {
  const RawServer nonsense(says("\x16\x03 hello, I am not HTTP\r\n\r\n"));
  EXPECT_EQ(get(nonsense).error().code(), ErrorCode::corrupt);
  const RawServer closes_at_once([](RawSocket&) {});
  EXPECT_FALSE(get(closes_at_once));
  const RawServer closes_early(says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_THAT(get(closes_early).error().to_string(), HasSubstr("in the middle of the answer"));
  const RawServer bad_chunk(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"));
  EXPECT_EQ(get(bad_chunk).error().code(), ErrorCode::corrupt);
  const RawServer only_interim(says([] {
    std::string all;
    for (int i = 0; i < 100; ++i) all += "HTTP/1.1 103 Early Hints\r\n\r\n";
    return all;
  }()));
  EXPECT_EQ(get(only_interim).error().code(), ErrorCode::corrupt);
}

TEST(HttpClientTest, BoundsWhatItReads) {
  const RawServer announced(says("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"));
  EXPECT_EQ(get(announced, {.body_limit = 1000}).error().code(), ErrorCode::exhausted);
  const RawServer endless([](RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\n\r\n");
    while (socket.send(std::string(65536, 'x'))) {
    }
  });
  EXPECT_EQ(get(endless, {.body_limit = 1 << 20}).error().code(), ErrorCode::exhausted);
  const RawServer endless_head([](RawSocket& socket) {
    socket.send("HTTP/1.1 200 OK\r\n");
    while (socket.send("X-Header: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  EXPECT_EQ(get(endless_head).error().code(), ErrorCode::exhausted);
  const RawServer at_once(says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'x')));
  EXPECT_EQ(get(at_once, {.body_limit = 4999}).error().code(), ErrorCode::exhausted);
  EXPECT_TRUE(get(at_once, {.body_limit = 5000}));
  const RawServer exact(says(kOk));
  EXPECT_TRUE(get(exact, {.body_limit = 2}));
}

TEST(HttpClientTest, FollowsRedirectsOnlyWhenAsked) {
  const RawServer target([](RawSocket& socket) {
    const std::string head = socket.receive(head_complete);
    socket.send("HTTP/1.0 200 OK\r\n\r\n" + head);
  });
  const RawServer redirecting(
      says("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target.url("/there?x=1") + "\r\n\r\n"));
  EXPECT_EQ(get(redirecting)->status, 302);
  const auto followed = get(redirecting, {.headers = {{"Authorization", "secret"}}, .max_redirects = 1});
  ASSERT_TRUE(followed) << followed.error().to_string();
  EXPECT_EQ(followed->redirects, 1);
  EXPECT_THAT(followed->body, HasSubstr("GET /there?x=1 "));
  EXPECT_THAT(followed->body, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get(redirecting, {.method = "POST", .max_redirects = 1})->status, 302);

  const RawServer circle(says("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: /again\r\n\r\n"));
  EXPECT_EQ(get(circle, {.max_redirects = 3})->redirects, 3);
  const RawServer to_socket(
      says("HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: unix:///run/docker.sock\r\n\r\n"));
  EXPECT_EQ(get(to_socket, {.max_redirects = 3}).error().code(), ErrorCode::permission_denied);
}

TEST(HttpClientTest, RefusesRequestsThatBreakOut) {
  const auto code = [](HttpRequest request) { return http_request(request).error().code(); };
  for (const char* url : {"", "localhost", "ftp://x/", "http://", "http://:80/", "http://a:0/",
                          "http://a:70000/", "http://a:x/", "http://[::1/", "http://u:p@a/", "http://a/ b",
                          "http://a/\r\nX: y", "unix://relative"}) {
    EXPECT_EQ(code({.url = url}), ErrorCode::invalid_argument) << url;
  }
  EXPECT_EQ(code({.method = "GET /x HTTP/1.1\r\nX:", .url = "http://127.0.0.1:1/"}),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code({.url = "unix:///x", .target = "/a HTTP/1.1\r\n"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code({.url = "http://127.0.0.1:1/", .headers = {{"X", "a\r\nY: b"}}}),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code({.url = "http://127.0.0.1:1/", .headers = {{"X: y\r\nZ", "a"}}}),
            ErrorCode::invalid_argument);
}

class HttpsTest : public ::testing::Test {
 protected:
  void trust(const testing::Certificate& certificate) {
    ::setenv("SSL_CERT_FILE", dir_.write("ca.pem", certificate.pem()).c_str(), 1);
  }
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }
  TempDir dir_;
};

TEST_F(HttpsTest, VerifiesCertificateAndName) {
  const testing::Certificate good("DNS:localhost,IP:127.0.0.1");
  const testing::TlsServer server(good, std::string(kOk));
  const std::string by_name = "https://localhost:" + server.port();
  const std::string by_address = "https://127.0.0.1:" + server.port();

  const auto untrusted = http_request({.url = by_address});
  ASSERT_FALSE(untrusted);
  EXPECT_THAT(untrusted.error().to_string(),
              AllOf(HasSubstr("TLS handshake with 127.0.0.1:"), HasSubstr("self-signed")));
  EXPECT_EQ(http_request({.url = by_address, .verify_tls = false})->body, "ok");
  trust(good);
  for (const std::string& url : {by_name, by_address}) {
    const auto answer = http_request({.url = url});
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(answer->body, "ok");
  }
}

TEST_F(HttpsTest, RefusesAnotherNameAndAnExpiredCertificate) {
  const testing::Certificate other("DNS:other.example");
  const testing::TlsServer other_server(other, std::string(kOk));
  trust(other);
  EXPECT_EQ(http_request({.url = "https://127.0.0.1:" + other_server.port()}).error().code(),
            ErrorCode::permission_denied);

  const testing::Certificate old("IP:127.0.0.1", -3600);
  const testing::TlsServer old_server(old, std::string(kOk));
  trust(old);
  EXPECT_THAT(http_request({.url = "https://127.0.0.1:" + old_server.port()}).error().to_string(),
              HasSubstr("expired"));
}

TEST_F(HttpsTest, AHandshakeThatHangsOrIsNotTlsFails) {
  const RawServer silent(hang);
  const auto late = http_request({.url = "https://" + silent.address(), .timeout = 2s});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(late.error().to_string(), HasSubstr("TLS handshake with "));
  const RawServer plain([](RawSocket& socket) { socket.send(kOk); });
  EXPECT_FALSE(http_request({.url = "https://" + plain.address()}));
}

TEST(HttpClientTest, TheLongestTimeoutDoesNotOverflow) {
  const RawServer server(says(kOk));
  EXPECT_TRUE(get(server, {.timeout = Duration::max()}));
}

TEST(UrlTest, ResolvesReferences) {
  const auto base = parse_url("http://a:81/b/c?d=1");
  ASSERT_TRUE(base);
  const auto resolved = [&](std::string_view location) {
    const auto url = resolve_reference(*base, location);
    return url ? url->scheme + " " + url->authority + " " + url->target : url.error().message();
  };
  EXPECT_EQ(resolved("https://x/y"), "https x /y");
  EXPECT_EQ(resolved("//x/y"), "http x /y");
  EXPECT_EQ(resolved("/y"), "http a:81 /y");
  EXPECT_EQ(resolved("y"), "http a:81 /b/y");
  EXPECT_EQ(resolved("?e"), "http a:81 /b/c?e");
  EXPECT_EQ(resolved("/login?next=http://x/y"), "http a:81 /login?next=http://x/y");
  EXPECT_EQ(resolved("login?next=http://x/y"), "http a:81 /b/login?next=http://x/y");
}

TEST(ResolverTest, AnswersForAddressesAndLocalNames) {
  const auto addresses = [](const std::string& host, Duration timeout) {
    return resolve_host(host, SocketWait::within(timeout));
  };
  EXPECT_EQ(addresses("127.0.0.1", 0ms).value(), std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(addresses("::1", 0ms).value(), std::vector<std::string>{"::1"});
  EXPECT_THAT(addresses("localhost", 5s).value_or({}), ::testing::Contains("127.0.0.1"));
  EXPECT_THAT(addresses("no-such-name.invalid", 5s).error().to_string(),
              ::testing::StartsWith("resolve no-such-name.invalid: "));
}

TEST(ResolverTest, ManyMayAskForOneNameAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 40; ++i) {
    callers.emplace_back(
        [&] { answered += resolve_host("localhost", SocketWait::within(20s)).ok() ? 1 : 0; });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered, 40);
}

}  // namespace
}  // namespace chiron
