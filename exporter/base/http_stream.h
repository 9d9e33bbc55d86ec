#pragma once

#include "exporter/base/result.h"
#include "exporter/base/socket_wait.h"

#include <memory>
#include <string>

namespace chiron {

/// A request over a Unix socket whose answer is taken piece by piece: one without an end (the events of a
/// container engine), or one that must be given up at once when its wait is cancelled. Boost.Beast's parser
/// underneath. One thread at a time.
class HttpStream {
 public:
  struct Request {
    std::string method = "GET";
    std::string target = {};
    std::string body = {};  ///< JSON; none when empty
  };

  /// Connects and sends the request. Does not wait for the answer: an engine may send even the head only with
  /// its first event.
  static Result<HttpStream> open(const std::string& socket, const Request& request, const SocketWait& wait);
  ~HttpStream();
  HttpStream(HttpStream&& other) noexcept;
  HttpStream& operator=(HttpStream&& other) noexcept;

  /// What has come of the body since the last call; waits until there is something. "" at its end. Errors:
  /// timed_out, cancelled, corrupt for what is no HTTP or ends in the middle, unavailable when the server
  /// closed without an answer. After timed_out it may be asked again.
  Result<std::string> read(const SocketWait& wait);
  /// Of the answer; 0 before its head has come.
  int status() const;
  /// The rest of the body, at most `limit` bytes; a longer one is ErrorCode::exhausted.
  Result<std::string> read_all(std::size_t limit, const SocketWait& wait);

 private:
  struct State;
  explicit HttpStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chiron
