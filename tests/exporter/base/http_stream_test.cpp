#include "exporter/base/http_stream.h"

#include "exporter/base/cancel.h"
#include "tests/support/engine_server.h"
#include "tests/support/scripted_server.h"

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SocketWait soon() { return SocketWait::within(seconds(10)); }

Result<std::string> whole(const std::string& answer) {
  const testing::ScriptedServer server([&](std::string_view) { return answer; });
  Result<HttpStream> stream = HttpStream::open(server.path(), {.target = "/x"}, soon());
  if (!stream.ok()) return stream.error();
  return stream->read_all(1000, soon());
}

TEST(HttpStreamTest, ReadsChunksLengthsAndWhatEndsWithTheConnection) {
  EXPECT_EQ(*whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello");
  EXPECT_EQ(*whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
            "hello");
  EXPECT_EQ(*whole("HTTP/1.0 200 OK\r\n\r\nhello"), "hello");
  EXPECT_EQ(*whole("HTTP/1.1 204 No Content\r\n\r\n"), "");
  EXPECT_EQ(*whole("HTTP/1.1 304 Not Modified\r\n\r\n"), "");
}

TEST(HttpStreamTest, WhatIsNoWholeAnswerIsAnError) {
  EXPECT_EQ(whole("").error().code(), ErrorCode::unavailable);
  EXPECT_EQ(whole("SSH-2.0-OpenSSH\r\n").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").error().code(), ErrorCode::corrupt);
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").error().code(),
            ErrorCode::corrupt);
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\n\r\n" + std::string(2000, 'x')).error().code(), ErrorCode::exhausted);
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'x')).error().code(), ErrorCode::corrupt);
}

TEST(HttpStreamTest, SendsTheRequestAsItIs) {
  std::string seen;
  const testing::ScriptedServer server([&](std::string_view request) {
    seen = request;
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  auto stream = HttpStream::open(server.path(), {.method = "POST", .target = "/a?b=c", .body = "{}"}, soon());
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(stream->read_all(10, soon()).ok());
  EXPECT_EQ(stream->status(), 200);
  EXPECT_TRUE(seen.starts_with("POST /a?b=c HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Content-Length: 2\r\n"), seen.npos);
  EXPECT_TRUE(seen.ends_with("\r\n\r\n{}")) << seen;
  for (const char* target : {"", "x", "/a b", "/a\r\nX: y"}) {
    EXPECT_EQ(HttpStream::open(server.path(), {.target = target}, soon()).error().code(),
              ErrorCode::invalid_argument);
  }
}

TEST(HttpStreamTest, APieceAtATimeAndSilenceIsTimedOut) {
  testing::EngineServer server([](std::string_view) { return std::string(); });
  auto stream = HttpStream::open(server.path(), {.target = "/events?x"}, soon());
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream->read(SocketWait::within(milliseconds(5))).error().code(), ErrorCode::timed_out);
  EXPECT_EQ(stream->status(), 0);
  ASSERT_TRUE(server.wait_for_streams(1));
  server.event("{\"first\": true}");
  std::string text;
  while (text.find('\n') == text.npos) {
    Result<std::string> piece = stream->read(soon());
    ASSERT_TRUE(piece.ok()) << piece.error().to_string();
    text += *piece;
  }
  EXPECT_EQ(text, "{\"first\": true}\n");
  EXPECT_EQ(stream->status(), 200);
  server.end_streams();
  EXPECT_EQ(stream->read(soon()).error().code(), ErrorCode::corrupt);
}

TEST(HttpStreamTest, IsGivenUpWhenCancelled) {
  const testing::ScriptedServer silent;
  CancelToken cancel;
  cancel.cancel();
  auto stream = HttpStream::open(silent.path(), {.target = "/x"}, soon());
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream->read(SocketWait::within(seconds(10), cancel.descriptor())).error().code(),
            ErrorCode::cancelled);
  EXPECT_EQ(HttpStream::open("/nowhere/at.all", {.target = "/x"}, soon()).error().code(),
            ErrorCode::not_found);
}

}  // namespace
}  // namespace chiron
