#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A reply of a Redis server (RESP2). Binary-safe.
struct RedisReply {
  enum class Kind { nil, integer, text, error, array };
  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;  ///< of text (status and bulk strings) and error: "WRONGTYPE Operation against ..."
  std::vector<RedisReply> elements;

  bool is_integer() const { return kind == Kind::integer; }
  bool is_text() const { return kind == Kind::text; }
  bool is_error() const { return kind == Kind::error; }
  bool is_array() const { return kind == Kind::array; }
};

using RedisCommand = std::vector<std::string>;

struct RedisOptions {
  std::string server;         ///< HOST:PORT or the absolute path of a Unix socket
  std::string password = {};  ///< "" sends no AUTH
  int database = 0;
  Duration timeout = std::chrono::seconds(5);  ///< to resolve, connect, AUTH and SELECT together
  int wake_descriptor =
      -1;  ///< readable: whatever waits ends with ErrorCode::cancelled (CancelToken::descriptor())
};

/// One connection to a Redis server, hiredis underneath. No TLS. One thread at a time. Every error begins
/// with "redis SERVER: "; after an error other than one of the server's own replies the connection is of no
/// more use.
class RedisClient {
 public:
  /// permission_denied when the server wants another password.
  static Result<RedisClient> connect(const RedisOptions& options);
  ~RedisClient();
  RedisClient(RedisClient&&) noexcept;
  RedisClient& operator=(RedisClient&&) noexcept;

  /// One command. An error reply is an Error: permission_denied for NOAUTH, NOPERM, READONLY, ...
  Result<RedisReply> command(const RedisCommand& command, Duration timeout);
  /// Sends all commands at once, waits for all replies: one round trip. An error reply is an element, not an
  /// Error.
  Result<std::vector<RedisReply>> pipeline(std::span<const RedisCommand> commands, Duration timeout);

  const std::string& server() const;
  /// The Error that an error reply stands for.
  Error error_of(const RedisReply& reply) const;

 private:
  struct State;
  explicit RedisClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The value of "name:value" in what INFO answers; "" when it is not there.
std::string_view redis_info_field(std::string_view info, std::string_view name);

/// The password in the first line of a file; "" for an empty file name.
Result<std::string> read_redis_password(const std::string& file);

}  // namespace chiron
