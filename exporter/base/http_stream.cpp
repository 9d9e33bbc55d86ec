#include "exporter/base/http_stream.h"

#include "exporter/base/parse.h"
#include "exporter/base/stream_socket.h"

#include <array>
#include <cerrno>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

namespace chiron {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kHeaderLimit = 64 << 10;
constexpr std::size_t kPiece = 16 << 10;

Status send_all(int fd, std::string_view text, const SocketWait& wait) {
  while (!text.empty()) {
    const ssize_t count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Error::from_errno(errno, "send");
    if (Status ready = wait_for_socket(fd, POLLOUT, wait); !ready) return ready;
  }
  return {};
}

Status check_target(const std::string& target) {
  using std::string_view_literals::operator""sv;
  if (target.starts_with('/') && target.find_first_of(" \t\r\n\0"sv) == target.npos) return {};
  return Error(ErrorCode::invalid_argument, "the HTTP target holds a blank or a line break");
}

}  // namespace

struct HttpStream::State {
  FileDescriptor fd;
  boost::beast::flat_buffer buffer;  // received and not yet parsed
  http::response_parser<http::string_body> parser;

  /// Feeds what is in the buffer to the parser.
  Status parse() {
    boost::system::error_code error;
    buffer.consume(parser.put(buffer.data(), error));
    if (!error || error == http::error::need_more) return {};
    return Error(ErrorCode::corrupt, "not an HTTP answer (" + error.message() + ")");
  }
  Status finish() {
    if (!parser.got_some()) return Error(ErrorCode::unavailable, "closed the connection without an answer");
    boost::system::error_code error;
    parser.put_eof(error);
    if (!error) return {};
    return Error(ErrorCode::corrupt, "closed the connection in the middle of the answer");
  }
};

HttpStream::HttpStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpStream::~HttpStream() = default;
HttpStream::HttpStream(HttpStream&& other) noexcept = default;
HttpStream& HttpStream::operator=(HttpStream&& other) noexcept = default;

Result<HttpStream> HttpStream::open(const std::string& socket, const Request& request,
                                    const SocketWait& wait) {
  if (Status good = check_target(request.target); !good) return std::move(good).error();
  Result<FileDescriptor> fd = connect_stream({.is_unix = true, .path = socket}, wait);
  if (!fd) return std::move(fd).error();
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: chiron\r\nConnection: close\r\n",
                  request.method, request.target);
  if (!request.body.empty()) text += "Content-Type: application/json\r\n";
  if (!request.body.empty() || request.method != "GET") {
    text += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  text += "\r\n" + request.body;
  if (Status sent = send_all(fd->get(), text, wait); !sent) return std::move(sent).error();
  auto state = std::make_unique<State>();
  state->fd = std::move(*fd);
  state->parser.eager(true);
  state->parser.header_limit(kHeaderLimit);
  state->parser.body_limit(boost::none);
  return HttpStream(std::move(state));
}

int HttpStream::status() const {
  return state_->parser.is_header_done() ? static_cast<int>(state_->parser.get().result_int()) : 0;
}

Result<std::string> HttpStream::read(const SocketWait& wait) {
  for (;;) {
    std::string& body = state_->parser.get().body();
    if (!body.empty()) return std::exchange(body, {});
    if (state_->parser.is_done()) return std::string();
    const auto space = state_->buffer.prepare(kPiece);
    const ssize_t count = ::recv(state_->fd.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (Status ready = wait_for_socket(state_->fd.get(), POLLIN, wait); !ready) {
        return std::move(ready).error();
      }
      continue;
    }
    if (count < 0) return Error::from_errno(errno, "read");
    state_->buffer.commit(static_cast<std::size_t>(count));
    const Status parsed = count == 0 ? state_->finish() : state_->parse();
    if (!parsed) return parsed.error();
  }
}

Result<std::string> HttpStream::read_all(std::size_t limit, const SocketWait& wait) {
  std::string all;
  for (;;) {
    Result<std::string> piece = read(wait);
    if (!piece || piece->empty()) return piece ? Result<std::string>(std::move(all)) : std::move(piece);
    all += *piece;
    if (all.size() > limit) {
      return Error(ErrorCode::exhausted, "the answer is longer than " + format_bytes(limit));
    }
  }
}

}  // namespace chiron
