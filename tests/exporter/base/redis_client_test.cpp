#include "exporter/base/redis_client.h"

#include "tests/support/redis_server.h"
#include "tests/support/scripted_server.h"

namespace chiron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RedisClient, TalksToARealServer) {
  const testing::RedisServer server;
  ASSERT_TRUE(server.ready());
  auto client = RedisClient::connect({.server = server.socket(), .database = 3});
  ASSERT_TRUE(client.ok()) << client.error().to_string();
  const std::string binary("a\0\r\nb", 5);
  const auto set = client->command({"SET", "key", binary}, seconds(5));
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->text, "OK");
  EXPECT_EQ(client->command({"GET", "key"}, seconds(5))->text, binary);
  EXPECT_EQ(client->command({"GET", "none"}, seconds(5))->kind, RedisReply::Kind::nil);
  EXPECT_EQ(client->command({"STRLEN", "key"}, seconds(5))->integer, 5);
  const auto keys = client->command({"KEYS", "*"}, seconds(5));
  ASSERT_EQ(keys->elements.size(), 1u);
  EXPECT_EQ(keys->elements[0].text, "key");
  const auto info = client->command({"INFO", "keyspace"}, seconds(5));
  EXPECT_TRUE(redis_info_field(info->text, "db3").starts_with("keys=1,"));
}

TEST(RedisClient, AnErrorReplyIsAnErrorAndTheConnectionStays) {
  const testing::RedisServer server;
  auto client = RedisClient::connect({.server = server.socket()});
  ASSERT_TRUE(client.ok());
  const auto wrong = client->command({"GET"}, seconds(5));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(
      wrong.error().to_string(),
      "redis " + server.socket() + ": the server answered: ERR wrong number of arguments for 'get' command");
  EXPECT_TRUE(client->command({"PING"}, seconds(5)).ok());
}

TEST(RedisClient, PipelinesMoreThanTheSocketsHold) {
  const testing::RedisServer server;
  auto client = RedisClient::connect({.server = server.socket()});
  ASSERT_TRUE(client.ok());
  const std::string large(200'000, 'x');
  std::vector<RedisCommand> commands;
  for (int i = 0; i < 100; ++i) commands.push_back({"ECHO", large});
  commands.push_back({"NONSENSE"});
  const auto replies = client->pipeline(commands, seconds(30));
  ASSERT_TRUE(replies.ok()) << replies.error().to_string();
  ASSERT_EQ(replies->size(), 101u);
  EXPECT_EQ((*replies)[99].text, large);
  EXPECT_TRUE((*replies)[100].is_error());
}

TEST(RedisClient, SaysWhatIsWrongWithThePassword) {
  const testing::RedisServer server({"--requirepass", "open sesame"});
  ASSERT_TRUE(server.ready());
  auto without = RedisClient::connect({.server = server.socket()});
  ASSERT_TRUE(without.ok());
  const auto denied = without->command({"PING"}, seconds(5));
  ASSERT_FALSE(denied.ok());
  EXPECT_EQ(denied.error().code(), ErrorCode::permission_denied);
  EXPECT_NE(denied.error().to_string().find("password_file"), std::string::npos);

  const auto wrong = RedisClient::connect({.server = server.socket(), .password = "sesame"});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), ErrorCode::permission_denied);

  const std::string file = server.dir().write("password", "open sesame\n");
  const auto password = read_redis_password(file);
  ASSERT_TRUE(password.ok());
  auto right = RedisClient::connect({.server = server.socket(), .password = *password});
  ASSERT_TRUE(right.ok()) << right.error().to_string();
  EXPECT_TRUE(right->command({"PING"}, seconds(5)).ok());
}

TEST(RedisClient, NamesTheServerThatIsNotThere) {
  const auto client = RedisClient::connect({.server = "127.0.0.1:1"});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().to_string(), "redis 127.0.0.1:1: connect: Connection refused");
  EXPECT_EQ(client.error().code(), ErrorCode::unavailable);
}

TEST(RedisClient, AHungServerEndsAtTheDeadline) {
  const testing::RedisServer server;
  auto client = RedisClient::connect({.server = server.socket()});
  ASSERT_TRUE(client.ok());
  server.hang();
  const BootTime start = system_clock().boot();
  const auto late = client->command({"PING"}, milliseconds(50));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::timed_out);
  EXPECT_EQ(late.error().to_string(), "redis " + server.socket() + ": no answer in time");
  EXPECT_LT(system_clock().boot() - start, seconds(30));
  server.resume();
  // The late PONG must not answer the next question.
  EXPECT_FALSE(client->command({"GET", "key"}, seconds(5)).ok());
}

TEST(RedisClient, AServerThatDiesIsAnError) {
  testing::RedisServer server;
  auto client = RedisClient::connect({.server = server.socket()});
  ASSERT_TRUE(client.ok());
  server.die();
  const auto gone = client->command({"PING"}, seconds(5));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::unavailable);
}

TEST(RedisClient, RefusesWhatIsNotItsProtocol) {
  for (const char* answer :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "*1000000000\r\n", "$-5\r\n", ":x\r\n", ""}) {
    const testing::ScriptedServer server([&](std::string_view) { return std::string(answer); });
    auto client = RedisClient::connect({.server = server.path()});
    ASSERT_TRUE(client.ok());
    const auto reply = client->command({"PING"}, seconds(5));
    ASSERT_FALSE(reply.ok()) << answer;
    const ErrorCode expected = *answer == '\0' ? ErrorCode::unavailable : ErrorCode::corrupt;
    EXPECT_EQ(reply.error().code(), expected) << answer << ": " << reply.error().to_string();
  }
}

TEST(RedisInfo, FindsAFieldByItsWholeName) {
  const std::string_view info = "# Memory\r\nused_memory_rss:7\r\nused_memory:42\r\nmaxmemory:0\r\n";
  EXPECT_EQ(redis_info_field(info, "used_memory"), "42");
  EXPECT_EQ(redis_info_field(info, "maxmemory"), "0");
  EXPECT_EQ(redis_info_field(info, "used"), "");
  EXPECT_EQ(redis_info_field("", "used"), "");
}

TEST(RedisPassword, RefusesAnEmptyFileAndNamesAnAbsentOne) {
  const testing::TempDir dir;
  EXPECT_EQ(*read_redis_password(""), "");
  EXPECT_FALSE(read_redis_password(dir.write("empty", "\n")).ok());
  const auto absent = read_redis_password(dir / "absent");
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.error().to_string().find("absent"), std::string::npos);
}

}  // namespace
}  // namespace chiron
