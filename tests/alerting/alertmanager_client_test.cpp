#include "alerting/alertmanager_client.h"

#include "tests/support/recording_log.h"
#include "tests/support/scripted_server.h"

#include <atomic>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::alerting {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::RecordingLog;
using testing::ScriptedServer;
using testing::TempDir;

constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Notice notice(const std::string& name) {
  return {.labels = Labels{{"alertname", name}},
          .annotations = {{"summary", "what is \"wrong\"\n\xff"}},
          .starts_at = from_ms(1'700'000'000'000),
          .ends_at = from_ms(1'700'000'240'000),
          .generator_url = ""};
}

/// Keeps what it was sent.
struct Server {
  std::mutex mutex;
  std::string got;
  ScriptedServer server{[this](std::string_view request) {
                          const std::lock_guard lock(mutex);
                          got += request;
                          return std::string(kGood);
                        },
                        ScriptedServer::Kind::tcp};
  std::string seen() {
    const std::lock_guard lock(mutex);
    return got;
  }
  AlertmanagerSpec spec() const { return {.url = "http://" + server.address(), .timeout = seconds(5)}; }
};

struct AlertmanagerClientTest : ::testing::Test {
  Catalogue catalogue{Labels{}};
  SelfMetrics metrics{catalogue};
  RecordingLog log;
  AlertmanagerClient client{metrics, log};
  CancelToken cancel;
  double metric(const char* name, const AlertmanagerSpec& spec) {
    return metrics.counter(name, "", {{"alertmanager", spec.url}}).value();
  }
};

TEST_F(AlertmanagerClientTest, DeliversOneNoticeWithTheSecretOfAFile) {
  const TempDir dir;
  Server server;
  AlertmanagerSpec spec = server.spec();
  spec.username = "chiron";
  spec.password_file = dir.write("password", "open sesame\n");
  client.configure({spec});
  const Result<std::string> told = client.deliver(notice("A"), seconds(20), cancel);
  ASSERT_TRUE(told.ok()) << told.error().to_string();
  const std::string got = server.seen();
  EXPECT_THAT(got, HasSubstr("POST /api/v2/alerts HTTP/1.1"));
  EXPECT_THAT(got, HasSubstr("Authorization: Basic Y2hpcm9uOm9wZW4gc2VzYW1l"));
  EXPECT_THAT(got, HasSubstr(R"("startsAt":"2023-11-14T22:13:20.000Z")"));
  EXPECT_THAT(got, HasSubstr(R"("summary":"what is \"wrong\"\n)"));
  EXPECT_EQ(metric("chiron_notifications_sent_total", spec), 1);
}

TEST_F(AlertmanagerClientTest, ADeliveredNoticeSaysWhoseWordItIs) {
  Server server;
  AlertmanagerClient ours(metrics, log, Labels{{"instance", "web-1:10071"}, {"alertname", "Own"}});
  ours.configure({server.spec()});
  EXPECT_EQ(ours.receivers(), std::vector<std::string>{server.spec().url});
  ASSERT_TRUE(ours.deliver(notice("A"), seconds(20), cancel).ok());
  EXPECT_THAT(server.seen(), HasSubstr(R"("labels":{"alertname":"A","instance":"web-1:10071"})"));
}

TEST_F(AlertmanagerClientTest, OneThatHangsDelaysNoOther) {
  const ScriptedServer hanging(nullptr, ScriptedServer::Kind::tcp);
  Server server;
  client.configure({{.url = "http://" + hanging.address(), .timeout = seconds(3)}, server.spec()});
  const auto started = std::chrono::steady_clock::now();
  const std::vector<Notice> notices{notice("A")};
  client.send(notices);
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(2));
  const Result<std::string> told = client.deliver(notice("B"), seconds(20), cancel);
  ASSERT_TRUE(told.ok()) << told.error().to_string();
  EXPECT_EQ(*told, server.spec().url);
}

TEST_F(AlertmanagerClientTest, WhatIsRefusedIsDroppedAndToldWithTheAnswer) {
  const ScriptedServer refusing(
      [](std::string_view) {
        return std::string("HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nbad label");
      },
      ScriptedServer::Kind::tcp);
  const AlertmanagerSpec spec{.url = "http://" + refusing.address(), .timeout = seconds(5)};
  client.configure({spec});
  const Result<std::string> told = client.deliver(notice("A"), seconds(20), cancel);
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code(), ErrorCode::unavailable);
  EXPECT_THAT(told.error().to_string(), HasSubstr("400: bad label"));
  EXPECT_EQ(metric("chiron_notifications_dropped_total", spec), 1);
}

TEST_F(AlertmanagerClientTest, AFailureIsTriedAgain) {
  std::atomic<int> asked{0};
  const ScriptedServer server(
      [&](std::string_view) {
        return asked++ == 0 ? std::string("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n") : kGood;
      },
      ScriptedServer::Kind::tcp);
  const AlertmanagerSpec spec{.url = "http://" + server.address(), .timeout = seconds(5)};
  client.configure({spec});
  const Result<std::string> told = client.deliver(notice("A"), seconds(30), cancel);
  EXPECT_TRUE(told.ok()) << told.error().to_string();
  EXPECT_EQ(metric("chiron_notifications_errors_total", spec), 1);
  EXPECT_EQ(log.count("alertmanager not told"), 1U);
  EXPECT_EQ(log.count("alertmanager takes alerts again"), 1U);
}

TEST_F(AlertmanagerClientTest, PastTheCapacityTheOldestGo) {
  const ScriptedServer hanging(nullptr, ScriptedServer::Kind::tcp);
  const AlertmanagerSpec spec{.url = "http://" + hanging.address(), .timeout = seconds(3)};
  client.configure({spec});
  std::vector<Notice> notices;
  const std::size_t more = AlertmanagerPeer::kCapacity + 2 * AlertmanagerPeer::kBatch;
  for (std::size_t i = 0; i < more; ++i) notices.push_back(notice("A" + std::to_string(i)));
  client.send(notices);
  const double dropped = metric("chiron_notifications_dropped_total", spec);
  EXPECT_GE(dropped, AlertmanagerPeer::kBatch);
  EXPECT_LE(dropped, 2 * AlertmanagerPeer::kBatch);
}

TEST_F(AlertmanagerClientTest, NobodyToTell) {
  EXPECT_TRUE(client.receivers().empty());
  const Result<std::string> told = client.deliver(notice("A"), seconds(20), cancel);
  ASSERT_FALSE(told.ok());
  EXPECT_THAT(told.error().to_string(), HasSubstr("alertmanagers:"));
}

TEST_F(AlertmanagerClientTest, ADeadlineSaysWhatStoodInTheWay) {
  const AlertmanagerSpec spec{.url = "http://127.0.0.1:1", .timeout = seconds(5)};
  client.configure({spec});
  const Result<std::string> told = client.deliver(notice("A"), milliseconds(1500), cancel);
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code(), ErrorCode::timed_out);
  EXPECT_THAT(told.error().to_string(), HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace chiron::alerting
