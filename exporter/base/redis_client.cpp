#include "exporter/base/redis_client.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/stream_socket.h"

#include <cerrno>

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

namespace chiron {
namespace {

/// Far above what our commands ask for; a server that sends more is broken or hostile.
constexpr std::size_t kReplyBytes = 64 << 20;
constexpr int kReplyElements = 1 << 20;

using CreateArray = void* (*)(const redisReadTask*, int);

/// hiredis' own functions, but refusing arrays whose announced length alone would take gigabytes.
redisReplyObjectFunctions& reply_functions() {
  static CreateArray original = nullptr;
  static redisReplyObjectFunctions functions = [] {
    redisReader* reader = redisReaderCreate();
    redisReplyObjectFunctions copy = *reader->fn;
    redisReaderFree(reader);
    original = copy.createArray;
    copy.createArray = [](const redisReadTask* task, int elements) -> void* {
      return elements > kReplyElements ? nullptr : original(task, elements);
    };
    return copy;
  }();
  return functions;
}

RedisReply from_hiredis(const redisReply& raw) {
  RedisReply reply;
  switch (raw.type) {
    case REDIS_REPLY_INTEGER:
      reply.kind = RedisReply::Kind::integer;
      reply.integer = raw.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      reply.kind = raw.type == REDIS_REPLY_ERROR ? RedisReply::Kind::error : RedisReply::Kind::text;
      reply.text.assign(raw.str, raw.len);
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = RedisReply::Kind::array;
      reply.elements.reserve(raw.elements);
      for (std::size_t i = 0; i < raw.elements; ++i) reply.elements.push_back(from_hiredis(*raw.element[i]));
      break;
    default:
      break;
  }
  return reply;
}

/// The request as RESP has it: an array of bulk strings.
void append_request(std::string& out, const RedisCommand& command) {
  out += '*' + std::to_string(command.size()) + "\r\n";
  for (const std::string& word : command) {
    out += '$' + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

ErrorCode code_of_reply(std::string_view text) {
  for (const std::string_view prefix : {"NOAUTH", "WRONGPASS", "NOPERM", "READONLY", "DENIED"}) {
    if (text.starts_with(prefix)) return ErrorCode::permission_denied;
  }
  if (text.find("invalid password") != text.npos || text.find("without any password") != text.npos) {
    return ErrorCode::permission_denied;
  }
  for (const std::string_view prefix : {"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"}) {
    if (text.starts_with(prefix)) return ErrorCode::unavailable;
  }
  return ErrorCode::failed_precondition;
}

struct ReaderFree {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

}  // namespace

struct RedisClient::State {
  std::string server;
  FileDescriptor fd;
  std::unique_ptr<redisReader, ReaderFree> reader{redisReaderCreateWithFunctions(&reply_functions())};
  int wake_descriptor = -1;
  std::size_t received = 0;  // bytes of the reply being read

  Error fail(Error error) const { return std::move(error).wrap("redis " + server); }

  /// Writes what the kernel takes; true when all of `out` is gone.
  Result<bool> write_some(std::string_view& out) {
    while (!out.empty()) {
      const ssize_t sent = ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return false;
      if (sent < 0) return Error::from_errno(errno, "write");
      out.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  Status read_some() {
    std::array<char, 16384> buffer;
    const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (size < 0) return Error::from_errno(errno, "read");
    if (size == 0) return Error(ErrorCode::unavailable, "read: the server closed the connection");
    received += static_cast<std::size_t>(size);
    if (received > kReplyBytes) return Error(ErrorCode::exhausted, "read: a reply of more than 64 MiB");
    if (redisReaderFeed(reader.get(), buffer.data(), static_cast<std::size_t>(size)) != REDIS_OK)
      return protocol_error();
    return {};
  }

  Error protocol_error() const {
    return Error(ErrorCode::corrupt,
                 std::string("the server does not speak Redis' protocol: ") + reader->errstr);
  }

  /// Takes the replies that are complete.
  Status take_replies(std::vector<RedisReply>& replies, std::size_t wanted) {
    while (replies.size() < wanted) {
      void* raw = nullptr;
      if (redisReaderGetReply(reader.get(), &raw) != REDIS_OK) return protocol_error();
      if (raw == nullptr) return {};
      replies.push_back(from_hiredis(*static_cast<redisReply*>(raw)));
      freeReplyObject(raw);
      received = 0;
    }
    return {};
  }

  /// Writes and reads at once: a server stops reading requests while its replies are not taken.
  Status exchange(std::string_view out, std::size_t wanted, const SocketWait& wait,
                  std::vector<RedisReply>& replies) {
    while (replies.size() < wanted) {
      const Result<bool> written = write_some(out);
      if (!written.ok()) return written.error();
      const short events = static_cast<short>(POLLIN | (*written ? 0 : POLLOUT));
      if (Status ready = wait_for_socket(fd.get(), events, wait); !ready.ok()) return ready;
      if (Status read = read_some(); !read.ok()) return read;
      if (Status taken = take_replies(replies, wanted); !taken.ok()) return taken;
    }
    return {};
  }
};

RedisClient::RedisClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
RedisClient::~RedisClient() = default;
RedisClient::RedisClient(RedisClient&&) noexcept = default;
RedisClient& RedisClient::operator=(RedisClient&&) noexcept = default;

const std::string& RedisClient::server() const { return state_->server; }

Error RedisClient::error_of(const RedisReply& reply) const {
  std::string text = reply.text;
  if (text.starts_with("NOAUTH")) text += " (give the password in a password_file)";
  return state_->fail(Error(code_of_reply(reply.text), "the server answered: " + text));
}

Result<RedisClient> RedisClient::connect(const RedisOptions& options) {
  auto state = std::make_unique<State>();
  state->server = options.server;
  state->wake_descriptor = options.wake_descriptor;
  const Result<StreamAddress> address = parse_stream_address(options.server);
  if (!address.ok()) return state->fail(Error(address.error()));
  const SocketWait wait = SocketWait::within(options.timeout, options.wake_descriptor);
  Result<FileDescriptor> fd = connect_stream(*address, wait);
  if (!fd.ok()) return state->fail(std::move(fd).error());
  state->fd = std::move(*fd);

  RedisClient client(std::move(state));
  std::vector<RedisCommand> greeting;
  if (!options.password.empty()) greeting.push_back({"AUTH", options.password});
  if (options.database != 0) greeting.push_back({"SELECT", std::to_string(options.database)});
  for (const RedisCommand& command : greeting) {
    Result<RedisReply> reply = client.command(command, wait.deadline - system_clock().boot());
    if (!reply.ok()) return std::move(reply).error();
  }
  return client;
}

Result<RedisReply> RedisClient::command(const RedisCommand& command, Duration timeout) {
  Result<std::vector<RedisReply>> replies = pipeline({&command, 1}, timeout);
  if (!replies.ok()) return std::move(replies).error();
  RedisReply& reply = replies->front();
  if (reply.is_error()) return error_of(reply);
  return std::move(reply);
}

Result<std::vector<RedisReply>> RedisClient::pipeline(std::span<const RedisCommand> commands,
                                                      Duration timeout) {
  if (!state_->fd) return state_->fail(Error(ErrorCode::unavailable, "the connection was lost before"));
  std::string out;
  for (const RedisCommand& command : commands) append_request(out, command);
  std::vector<RedisReply> replies;
  replies.reserve(commands.size());
  const SocketWait wait = SocketWait::within(timeout, state_->wake_descriptor);
  Status status = state_->exchange(out, commands.size(), wait, replies);
  if (!status.ok()) {
    // Replies that come later would be taken for those of the next command.
    state_->fd.reset();
    return state_->fail(std::move(status).error());
  }
  return replies;
}

std::string_view redis_info_field(std::string_view info, std::string_view name) {
  std::string_view line;
  while (next_line(info, line)) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name)) {
      return line.substr(name.size() + 1);
    }
  }
  return {};
}

Result<std::string> read_redis_password(const std::string& file) {
  if (file.empty()) return std::string();
  Result<std::string> text = read_file(file, 4096);
  if (!text.ok()) return std::move(text).error().wrap("cannot read the password of the Redis server");
  std::string_view rest = *text;
  std::string_view line;
  if (!next_line(rest, line) || trim(line).empty()) {
    return Error(ErrorCode::invalid_argument, file + ": the first line holds no password");
  }
  return std::string(trim(line));
}

}  // namespace chiron
