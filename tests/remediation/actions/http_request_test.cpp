#include "remediation/actions/http_request.h"

#include "tests/support/action_fixture.h"
#include "tests/support/scripted_server.h"
#include "tests/support/tls_server.h"

#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using chiron::testing::ActionFixture;
using chiron::testing::ArgumentBuilder;
using chiron::testing::ScriptedServer;
using chiron::testing::TempDir;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string answer_of(std::string_view status, std::string_view body, std::string_view headers = {}) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, body.size(), body);
}

/// Keeps what it was asked, and answers as the test says.
struct Server {
  explicit Server(std::string text, ScriptedServer::Kind kind = ScriptedServer::Kind::tcp)
      : answer(std::move(text)),
        server(
            [this](std::string_view request) {
              const std::lock_guard lock(mutex);
              got += request;
              return answer;
            },
            kind) {}
  std::string url(std::string_view path = "/") const {
    return fmt::format("http://{}{}", server.address(), path);
  }
  std::string seen() {
    const std::lock_guard lock(mutex);
    return got;
  }
  std::mutex mutex;
  std::string got;     // guarded by mutex
  std::string answer;  // constant once it listens
  ScriptedServer server;
};

struct HttpRequestTest : ::testing::Test {
  Status run(const ArgumentBuilder& arguments, Duration within = seconds(20)) {
    HttpRequestAction action;
    if (Status good = arguments.fill(action); !good) return good;
    ActionContext context = fixture.context(within);
    context.requests = &policy;
    report = {};
    return action.run(context, report);
  }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report.facts) {
      if (name == key) return value;
    }
    return "";
  }
  ActionFixture fixture;
  RequestPolicy policy;
  Report report;
  TempDir dir;
};

TEST_F(HttpRequestTest, AsksAndTellsOfTheAnswer) {
  Server server(answer_of("200 OK", "well done"));
  const Status status = run(ArgumentBuilder().text("url", server.url("/a?b=c")));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_THAT(server.seen(), HasSubstr("GET /a?b=c HTTP/1.1"));
  EXPECT_EQ(fact("status"), "200");
  EXPECT_EQ(fact("answer"), "well done");
  EXPECT_THAT(report.summary, HasSubstr("/a?b=c answered 200"));
}

TEST_F(HttpRequestTest, JsonIsAnObjectOfTextsWhateverTheTextsAre) {
  Server server(answer_of("204 No Content", ""));
  ASSERT_TRUE(run(ArgumentBuilder()
                      .text("url", server.url())
                      .text("method", "POST")
                      .pairs("headers", {{"X-From", "chiron"}})
                      .pairs("json", {{"text", R"(", "admin": "yes)"}}))
                  .ok());
  EXPECT_THAT(server.seen(), HasSubstr(R"({"text":"\", \"admin\": \"yes"})"));
  EXPECT_THAT(server.seen(), HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(server.seen(), HasSubstr("X-From: chiron"));
}

TEST_F(HttpRequestTest, SecretsAreSentAndNeverShown) {
  Server server(answer_of("403 Forbidden", "no: s3cret-token, T0K3N-in-header and hidden-path"));
  const ArgumentBuilder arguments =
      ArgumentBuilder()
          .text("url", server.url("/hooks/"))
          .text("credentials_file", dir.write("token", "s3cret-token\n"))
          .pairs("header_files", {{"X-Key", dir.write("key", "T0K3N-in-header\n")}})
          .text("secret_path_file", dir.write("path", "hidden-path\n"));
  const Status status = run(arguments);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(server.seen(), HasSubstr("GET /hooks/hidden-path HTTP/1.1"));
  EXPECT_THAT(server.seen(), HasSubstr("Authorization: Bearer s3cret-token\r\n"));
  EXPECT_THAT(server.seen(), HasSubstr("X-Key: T0K3N-in-header\r\n"));
  HttpRequestAction action;
  ASSERT_TRUE(arguments.fill(action).ok());
  ActionContext context = fixture.context();
  const Result<Plan> plan = action.plan(context);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_THAT(plan->summary, HasSubstr("Authorization (secret), X-Key (secret)"));
  for (const std::string& shown :
       {status.error().to_string(), fact("answer"), report.summary, plan->summary}) {
    EXPECT_THAT(shown, Not(HasSubstr("s3cret-token"))) << shown;
    EXPECT_THAT(shown, Not(HasSubstr("T0K3N"))) << shown;
    EXPECT_THAT(shown, Not(HasSubstr("hidden-path"))) << shown;
  }
  EXPECT_THAT(status.error().to_string(), HasSubstr("no: (secret), (secret) and"));
}

TEST_F(HttpRequestTest, BasicAuth) {
  Server server(answer_of("200 OK", ""));
  ASSERT_TRUE(run(ArgumentBuilder()
                      .text("url", server.url())
                      .text("username", "chiron")
                      .text("credentials_file", dir.write("password", "open sesame\n")))
                  .ok());
  EXPECT_THAT(server.seen(), HasSubstr("Authorization: Basic Y2hpcm9uOm9wZW4gc2VzYW1l"));
}

TEST_F(HttpRequestTest, ASecretThatCannotBeReadIsAFailureBeforeAnythingIsSent) {
  Server server(answer_of("200 OK", ""));
  const Status status =
      run(ArgumentBuilder().text("url", server.url()).text("credentials_file", dir / "absent"));
  EXPECT_THAT(status.error().to_string(), HasSubstr("credentials_file"));
  EXPECT_FALSE(
      run(ArgumentBuilder().text("url", server.url()).text("credentials_file", dir.write("empty", "\n")))
          .ok());
  EXPECT_EQ(server.server.connections(), 0);
}

TEST_F(HttpRequestTest, StatusAndBodyAreHeldAgainstTheExpectations) {
  Server server(answer_of("503 Busy", "queue is full"));
  const Status refused = run(ArgumentBuilder().text("url", server.url()));
  EXPECT_EQ(refused.error().code(), ErrorCode::failed_precondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("answered 503, expected 2xx: queue is full"));
  EXPECT_TRUE(run(ArgumentBuilder().text("url", server.url()).list("expect_status", {"200", "503"})).ok());
  const ArgumentBuilder any = ArgumentBuilder().text("url", server.url()).list("expect_status", {"5xx"});
  EXPECT_TRUE(run(ArgumentBuilder(any).text("expect_body", "queue.*full")).ok());
  EXPECT_THAT(run(ArgumentBuilder(any).text("expect_body", "^empty")).error().message(),
              HasSubstr("nothing in it matches \"^empty\""));
  const Status quiet = run(ArgumentBuilder().text("url", server.url()).text("record_answer", "false"));
  EXPECT_THAT(quiet.error().message(), Not(HasSubstr("queue")));
  EXPECT_EQ(fact("answer"), "");
}

TEST_F(HttpRequestTest, AnAnswerHasAnEnd) {
  Server server(answer_of("200 OK", std::string(5000, 'x')));
  const Status longer = run(ArgumentBuilder().text("url", server.url()).text("max_answer", "4000"));
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().code(), ErrorCode::exhausted) << longer.error().to_string();
  ASSERT_TRUE(run(ArgumentBuilder().text("url", server.url())).ok());
  EXPECT_EQ(fact("answer").size(), 4096U + 3);
}

TEST_F(HttpRequestTest, RedirectsAreAnAnswerUnlessAskedFor) {
  Server there(answer_of("200 OK", "there"));
  Server here(answer_of("302 Found", "", fmt::format("Location: {}\r\n", there.url("/x"))));
  EXPECT_THAT(run(ArgumentBuilder().text("url", here.url())).error().message(), HasSubstr("answered 302"));
  EXPECT_EQ(there.server.connections(), 0);
  const ArgumentBuilder follow = ArgumentBuilder()
                                     .text("url", here.url())
                                     .text("redirects", "1")
                                     .text("credentials_file", dir.write("token", "s3cret"));
  ASSERT_TRUE(run(follow).ok());
  EXPECT_EQ(fact("redirects"), "1");
  EXPECT_THAT(there.seen(), HasSubstr("GET /x HTTP/1.1"));
  EXPECT_THAT(there.seen(), Not(HasSubstr("s3cret")));
  policy.allow = {here.url()};
  EXPECT_EQ(run(follow).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(there.server.connections(), 1);
}

TEST_F(HttpRequestTest, TheAllowListHoldsForPlanAndRun) {
  Server server(answer_of("200 OK", ""));
  policy.allow = {"http://allowed.example"};
  const ArgumentBuilder arguments = ArgumentBuilder().text("url", server.url());
  EXPECT_EQ(run(arguments).error().code(), ErrorCode::permission_denied);
  HttpRequestAction action;
  ASSERT_TRUE(arguments.fill(action).ok());
  ActionContext context = fixture.context();
  context.requests = &policy;
  EXPECT_EQ(action.plan(context).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(server.server.connections(), 0);
  policy.allow = {server.url()};
  EXPECT_TRUE(run(arguments).ok());
}

TEST_F(HttpRequestTest, AUnixSocket) {
  Server server(answer_of("200 OK", "ok"), ScriptedServer::Kind::unix_socket);
  const Status status =
      run(ArgumentBuilder().text("url", "unix://" + server.server.path()).text("path", "/v1/x"));
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_THAT(server.seen(), HasSubstr("GET /v1/x HTTP/1.1"));
}

TEST_F(HttpRequestTest, TlsTrustsWhoItIsToldTo) {
  const chiron::testing::Certificate certificate("IP:127.0.0.1");
  const chiron::testing::TlsServer server(certificate, answer_of("200 OK", "over TLS"));
  const ArgumentBuilder plain = ArgumentBuilder().text("url", "https://127.0.0.1:" + server.port() + "/");
  EXPECT_EQ(run(plain).error().code(), ErrorCode::permission_denied);
  EXPECT_TRUE(run(ArgumentBuilder(plain).text("ca_file", dir.write("ca.pem", certificate.pem()))).ok());
  EXPECT_TRUE(run(ArgumentBuilder(plain).text("insecure_skip_verify", "true")).ok());
}

TEST_F(HttpRequestTest, ServersThatAreAbsentHangOrDie) {
  EXPECT_EQ(run(ArgumentBuilder().text("url", "http://127.0.0.1:1/")).error().code(), ErrorCode::unavailable);
  const ScriptedServer hanging(nullptr, ScriptedServer::Kind::tcp);
  EXPECT_EQ(run(ArgumentBuilder().text("url", "http://" + hanging.address()), std::chrono::milliseconds(300))
                .error()
                .code(),
            ErrorCode::timed_out);
  Server dying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_EQ(run(ArgumentBuilder().text("url", dying.url())).error().code(), ErrorCode::corrupt);
}

TEST_F(HttpRequestTest, ACancellationEndsTheWait) {
  const ScriptedServer hanging(nullptr, ScriptedServer::Kind::tcp);
  std::thread canceller([&] {
    while (hanging.connections() == 0) std::this_thread::yield();
    fixture.cancel.cancel();
  });
  const Status status = run(ArgumentBuilder().text("url", "http://" + hanging.address()), seconds(600));
  canceller.join();
  EXPECT_EQ(status.error().code(), ErrorCode::cancelled);
}

TEST_F(HttpRequestTest, BadArgumentsAreRefused) {
  const auto why = [this](const char* name, const char* value) {
    const Status status = run(ArgumentBuilder().text("url", "http://127.0.0.1:1/").text(name, value));
    return status.ok() ? "" : status.error().to_string();
  };
  EXPECT_THAT(run(ArgumentBuilder().text("url", "http://u:p@h/")).error().to_string(), HasSubstr("password"));
  EXPECT_THAT(why("body", "x"), HasSubstr("a GET sends nothing"));
  EXPECT_THAT(why("path", "/x"), HasSubstr("unix:"));
  EXPECT_THAT(why("username", "me"), HasSubstr("needs credentials_file"));
  EXPECT_THAT(why("credentials_file", "token"), HasSubstr("not an absolute path"));
  EXPECT_THAT(why("expect_body", "("), HasSubstr("expect_body"));
  EXPECT_THAT(why("redirects", "11"), HasSubstr("from 0 to 10"));
  EXPECT_THAT(why("max_answer", "1TB"), HasSubstr("max_answer"));
  EXPECT_THAT(why("method", "TRACE"), HasSubstr("TRACE"));
  const ArgumentBuilder good = ArgumentBuilder().text("url", "http://127.0.0.1:1/");
  EXPECT_THAT(run(ArgumentBuilder(good).list("expect_status", {"2x"})).error().message(), HasSubstr("2x"));
  EXPECT_THAT(run(ArgumentBuilder(good).pairs("headers", {{"Authorization", "x"}})).error().message(),
              HasSubstr("credentials_file"));
  EXPECT_THAT(run(ArgumentBuilder(good).pairs("headers", {{"Content-Length", "1"}})).error().message(),
              HasSubstr("by itself"));
  EXPECT_FALSE(run(ArgumentBuilder(good).pairs("headers", {{"X-A", "b\r\nX-C: d"}})).ok());
}

}  // namespace
}  // namespace chiron::remediation
