#include "exporter/base/http_client.h"

#include "exporter/base/parse.h"
#include "exporter/base/resolver.h"
#include "exporter/base/url.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/format.h>

namespace chiron {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<asio::ip::tcp::socket&>;

constexpr std::uint32_t kHeaderLimit = 64 << 10;
/// Interim answers (100 Continue, 103 Early Hints) before the real one.
constexpr int kMostInterim = 5;
/// How soon a cancelled request is given up.
constexpr Duration kLook = std::chrono::milliseconds(50);

/// One connection's event loop; runs one operation at a time, each to its end or to the common deadline.
class Loop {
 public:
  Loop(Duration timeout, std::optional<CancelToken> cancel)
      : timeout_(timeout),
        cancel_(std::move(cancel)),
        deadline_(std::chrono::steady_clock::now() + std::min(timeout, kLongestWait)) {}

  asio::io_context& context() { return context_; }
  Duration remaining() const { return deadline_ - std::chrono::steady_clock::now(); }
  bool cancelled() const { return cancel_ && cancel_->cancelled(); }
  SocketWait wait() const { return SocketWait::within(remaining(), cancel_ ? cancel_->descriptor() : -1); }

  /// Starts an operation and waits for it, at most until the deadline, `limit` and a cancellation. Past that
  /// `cancel` must make it return, and the result is timed_out.
  template <class Start, class Cancel>
  error_code run(Start start, Cancel cancel, Duration limit = Duration::max()) {
    error_code result;
    bool done = false;
    start([&](error_code ec, auto&&...) {
      result = ec;
      done = true;
    });
    context_.restart();
    const auto end = std::chrono::steady_clock::now() + std::min(limit, remaining());
    do {
      const Duration left = std::max(Duration::zero(), Duration(end - std::chrono::steady_clock::now()));
      context_.run_for(cancel_ ? std::min(left, kLook) : left);
    } while (!done && !cancelled() && std::chrono::steady_clock::now() < end);
    if (done) return result;
    cancel();
    context_.restart();
    context_.run();
    return asio::error::timed_out;
  }

  Error failure(std::string_view phase, const error_code& ec) const {
    if (ec == asio::error::timed_out && cancelled()) {
      return {ErrorCode::cancelled, fmt::format("{}: cancelled", phase)};
    }
    if (ec == asio::error::timed_out && remaining() <= Duration::zero()) {
      return {ErrorCode::timed_out, fmt::format("{}: not done within {}", phase, format_duration(timeout_))};
    }
    if (ec.category() == boost::system::system_category()) return Error::from_errno(ec.value(), phase);
    return {ErrorCode::unavailable, fmt::format("{}: {}", phase, ec.message())};
  }

 private:
  const Duration timeout_;
  const std::optional<CancelToken> cancel_;
  const std::chrono::steady_clock::time_point deadline_;
  asio::io_context context_{1};
};

/// An exchange's answer with what a reader of the error must know: who was asked.
Error read_failure(const Loop& loop, const std::string& peer, const error_code& ec, std::size_t body_limit) {
  namespace http = beast::http;
  if (ec == http::error::body_limit) {
    return {ErrorCode::exhausted,
            fmt::format("read from {}: the body is longer than {}", peer, format_bytes(body_limit))};
  }
  if (ec == http::error::header_limit) {
    return {ErrorCode::exhausted, fmt::format("read from {}: endless headers", peer)};
  }
  if (ec == http::error::end_of_stream) {
    return {ErrorCode::unavailable,
            fmt::format("read from {}: closed the connection without an answer", peer)};
  }
  if (ec == http::error::partial_message || ec == asio::ssl::error::stream_truncated) {
    return {ErrorCode::corrupt,
            fmt::format("read from {}: closed the connection in the middle of the answer", peer)};
  }
  if (ec.category() == make_error_code(http::error::bad_version).category()) {
    return {ErrorCode::corrupt, fmt::format("read from {}: not an HTTP answer ({})", peer, ec.message())};
  }
  return loop.failure("read from " + peer, ec);
}

beast::http::request<beast::http::string_body> make_request(const HttpRequest& request,
                                                            const std::string& target,
                                                            const std::string& authority, bool same_host) {
  beast::http::request<beast::http::string_body> out;
  out.version(11);
  out.method_string(request.method);
  out.target(target);
  out.set(beast::http::field::host, authority);
  out.set(beast::http::field::user_agent, "chiron");
  out.set(beast::http::field::connection, "close");
  for (const auto& [name, value] : request.headers) {
    if (same_host || !beast::iequals(name, "authorization")) out.set(name, value);
  }
  out.body() = request.body;
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") out.prepare_payload();
  return out;
}

/// Writes the request and reads the answer over a connected stream. `close` must end its operations.
template <class Stream, class Close>
Result<HttpResponse> exchange(Loop& loop, Stream& stream, Close close, const std::string& peer,
                              const beast::http::request<beast::http::string_body>& message,
                              std::size_t body_limit) {
  namespace http = beast::http;
  const error_code written =
      loop.run([&](auto handler) { http::async_write(stream, message, std::move(handler)); }, close);
  if (written == asio::error::timed_out) return loop.failure("write to " + peer, written);
  // A server may answer and close before it has read everything (413): its answer is worth more than the
  // EPIPE.
  beast::flat_buffer buffer;
  for (int i = 0; i < kMostInterim; ++i) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(kHeaderLimit);
    parser.body_limit(body_limit);
    parser.skip(message.method() == http::verb::head);
    // The head by itself: read together with a body that is too long, Beast 1.74 forgets the error.
    error_code read = loop.run(
        [&](auto handler) { http::async_read_header(stream, buffer, parser, std::move(handler)); }, close);
    if (!read && !parser.is_done()) {
      read = loop.run([&](auto handler) { http::async_read(stream, buffer, parser, std::move(handler)); },
                      close);
    }
    if (read && written) return loop.failure("write to " + peer, written);
    if (read) return read_failure(loop, peer, read, body_limit);
    const int status = static_cast<int>(parser.get().result_int());
    if (status < 200 && status != 101) continue;

    HttpResponse response;
    response.status = status;
    for (const auto& field : parser.get()) {
      response.headers.emplace_back(to_lower(std::string(field.name_string())), std::string(field.value()));
    }
    response.body = std::move(parser.get().body());
    return response;
  }
  return Error(ErrorCode::corrupt, fmt::format("read from {}: only interim answers", peer));
}

Result<HttpResponse> exchange_unix(Loop& loop, const std::string& path,
                                   const beast::http::request<beast::http::string_body>& message,
                                   std::size_t body_limit) {
  using Protocol = asio::local::stream_protocol;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(ErrorCode::invalid_argument, "connect to " + path + ": the path is too long for a socket");
  }
  Protocol::socket socket(loop.context());
  const auto close = [&] {
    error_code ignored;
    socket.close(ignored);
  };
  // A Unix socket whose backlog is full makes connect(2) fail with EAGAIN when non-blocking: said as it is.
  const error_code connected = loop.run(
      [&](auto handler) { socket.async_connect(Protocol::endpoint(path), std::move(handler)); }, close);
  if (connected) return loop.failure("connect to " + path, connected);
  return exchange(loop, socket, close, path, message, body_limit);
}

Status connect_any(Loop& loop, asio::ip::tcp::socket& socket, const Url& url, std::string& peer) {
  Result<std::vector<std::string>> addresses = resolve_host(url.host, loop.wait());
  if (!addresses) return std::move(addresses).error();
  std::optional<Error> failure;
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const std::string& text = (*addresses)[i];
    error_code ec;
    const asio::ip::address address = asio::ip::make_address(text, ec);
    if (ec) continue;
    const asio::ip::tcp::endpoint endpoint(address, parse_int<std::uint16_t>(url.port).value_or(0));
    const std::string shown = (address.is_v6() ? "[" + text + "]:" : text + ":") + url.port;
    peer = text == url.host ? shown : fmt::format("{} ({})", url.host, shown);
    // Each address gets its share of what remains, so that a dead first one leaves time for the next.
    const Duration share = loop.remaining() / static_cast<int>(addresses->size() - i);
    ec = loop.run([&](auto handler) { socket.async_connect(endpoint, std::move(handler)); },
                  [&] {
                    error_code ignored;
                    socket.close(ignored);
                  },
                  share);
    if (!ec) return {};
    failure = loop.failure("connect to " + peer, ec);
    error_code ignored;
    socket.close(ignored);
  }
  return failure ? *std::move(failure)
                 : Error(ErrorCode::unavailable, "resolve " + url.host + ": no usable address");
}

Result<HttpResponse> exchange_tls(Loop& loop, asio::ip::tcp::socket& socket, const Url& url,
                                  const std::string& peer, const HttpRequest& request,
                                  const beast::http::request<beast::http::string_body>& message) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  error_code unreadable;
  if (request.ca_file.empty()) {
    context.set_default_verify_paths(unreadable);
  } else {
    context.load_verify_file(request.ca_file, unreadable);
  }
  if (unreadable && request.verify_tls) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("TLS authorities {}: {}", request.ca_file, unreadable.message()));
  }
  TlsStream stream(socket, context);
  stream.set_verify_mode(request.verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none);
  if (request.verify_tls) stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  error_code not_address;
  asio::ip::make_address(url.host, not_address);
  // RFC 6066, section 3: no server name for IP addresses.
  // (SSL_set_tlsext_host_name, which is a macro with a C cast.)
  if (not_address) {
    SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(url.host.c_str()));
  }
  const auto close = [&] {
    error_code ignored;
    socket.close(ignored);
  };
  const error_code shaken = loop.run(
      [&](auto handler) { stream.async_handshake(asio::ssl::stream_base::client, std::move(handler)); },
      close);
  if (shaken) {
    const long verified = SSL_get_verify_result(stream.native_handle());
    if (request.verify_tls && verified != X509_V_OK) {
      return Error(ErrorCode::permission_denied,
                   fmt::format("TLS handshake with {}: the certificate is not trusted: {}", peer,
                               X509_verify_cert_error_string(verified)));
    }
    return loop.failure("TLS handshake with " + peer, shaken);
  }
  return exchange(loop, stream, close, peer, message, request.body_limit);
}

Result<HttpResponse> ask_once(Loop& loop, const Url& url, const HttpRequest& request, bool same_host) {
  if (url.scheme == "unix") {
    const std::string target = request.target.empty() ? "/" : request.target;
    return exchange_unix(loop, url.target, make_request(request, target, "localhost", true),
                         request.body_limit);
  }
  const auto message = make_request(request, url.target, url.authority, same_host);
  asio::ip::tcp::socket socket(loop.context());
  std::string peer;
  if (Status connected = connect_any(loop, socket, url, peer); !connected)
    return std::move(connected).error();
  if (url.scheme == "https") return exchange_tls(loop, socket, url, peer, request, message);
  const auto close = [&] {
    error_code ignored;
    socket.close(ignored);
  };
  return exchange(loop, socket, close, peer, message, request.body_limit);
}

/// What would break out of its place in the message.
Status check(const HttpRequest& request) {
  const auto holds = [](std::string_view text, std::string_view bad) {
    return text.find_first_of(bad) != std::string_view::npos;
  };
  using std::string_view_literals::operator""sv;
  if (request.method.empty() || holds(request.method, " \t\r\n\0"sv)) {
    return Error(ErrorCode::invalid_argument, "HTTP method \"" + request.method + "\" is not a word");
  }
  if (holds(request.target, " \r\n\0"sv)) {
    return Error(ErrorCode::invalid_argument, "the HTTP target holds a blank or a line break");
  }
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || holds(name, " :\r\n\0"sv) || holds(value, "\r\n\0"sv)) {
      return Error(ErrorCode::invalid_argument,
                   "HTTP header \"" + name + "\" holds a character that headers cannot");
    }
  }
  return {};
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<HttpResponse> ask(const HttpRequest& request) {
  if (Status good = check(request); !good) return std::move(good).error();
  Result<Url> url = parse_url(request.url);
  if (!url) return std::move(url).error();
  const std::string first_host = url->scheme + url->authority;
  const bool may_follow = request.method == "GET" || request.method == "HEAD";
  Loop loop(request.timeout, request.cancel);
  for (int redirects = 0;; ++redirects) {
    Result<HttpResponse> response = ask_once(loop, *url, request, url->scheme + url->authority == first_host);
    if (!response) return response;
    response->redirects = redirects;
    const std::string location = response->header("location");
    if (!is_redirect(response->status) || location.empty() || !may_follow ||
        redirects >= request.max_redirects || url->scheme == "unix") {
      return response;
    }
    url = resolve_reference(*url, location);
    if (!url) return std::move(url).error().wrap("redirect");
    if (url->scheme == "unix") return Error(ErrorCode::permission_denied, "redirect to a unix: URL refused");
  }
}

}  // namespace

std::string HttpResponse::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) return value;
  }
  return {};
}

Result<HttpResponse> http_request(const HttpRequest& request) {
  try {
    return ask(request);
  } catch (const std::exception& e) {
    return Error(ErrorCode::internal, fmt::format("{} {}: {}", request.method, request.url, e.what()));
  }
}

}  // namespace chiron
