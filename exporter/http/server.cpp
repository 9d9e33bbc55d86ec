#include "exporter/http/server.h"

#include "exporter/base/file.h"
#include "exporter/base/memory.h"
#include "exporter/base/parse.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/http/connections.h"
#include "exporter/http/host_check.h"
#include "exporter/http/listen_address.h"
#include "exporter/http/route_table.h"
#include "exporter/http/url.h"

#include <future>

#include <arpa/inet.h>
#include <civetweb.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron::http {
namespace {

constexpr std::size_t kReadBlock = 16 << 10;
/// A head and a body no longer than this go out in one write, and so in one packet or few.
constexpr std::size_t kOneWrite = 16 << 10;
/// Most a worker spends on writing one answer, in request timeouts.
constexpr int kSendTimeouts = 3;
/// Connections that are not accepted yet, silent ones among them.
/// Of the request line and the headers, in bytes. Grafana's variables make long lists of matchers. What of it
/// nothing was received into costs no memory.
constexpr const char* kLongestHead = "131072";
constexpr const char* kBacklog = "1024";
constexpr Duration kDrainPatience = std::chrono::milliseconds(500);

/// What civetweb keeps for us per connection.
struct Connection {
  std::optional<Peer> peer;  ///< known from the first request on
};

Connection* connection_of(const mg_connection* connection) {
  return static_cast<Connection*>(mg_get_user_connection_data(connection));
}

Peer peer_of(const mg_request_info& info) {
  Peer peer;
  in_addr address{};
  if (::inet_pton(AF_INET, info.remote_addr, &address) == 1) peer.ip = address.s_addr;
  peer.port = static_cast<std::uint16_t>(info.remote_port);
  peer.server_port = static_cast<std::uint16_t>(info.server_port);
  return peer;
}

Response text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

/// Reads the body, `limit` bytes at most; on failure, the answer that says why.
std::optional<Response> read_body(mg_connection* connection, const mg_request_info& info,
                                  const Request& request, std::size_t limit, std::string& body) {
  const bool chunked = !request.header("transfer-encoding").empty();
  const auto announced = static_cast<std::size_t>(std::max(info.content_length, 0LL));
  if (!chunked && announced == 0) return std::nullopt;
  const auto too_large = [limit] {
    return text_response(413, fmt::format("413 a request body may have {} bytes at most\n", limit));
  };
  if (announced > limit) return too_large();
  if (to_lower(request.header("expect")) == "100-continue")
    mg_printf(connection, "HTTP/1.1 100 Continue\r\n\r\n");

  // A byte more than is allowed tells that a chunked body is too large.
  const std::size_t most = chunked ? limit + 1 : announced;
  if (!chunked) body.reserve(announced);
  int got = 1;
  while (got > 0 && body.size() < most) {
    const std::size_t size = body.size(), block = std::min(kReadBlock, most - size);
    body.resize(size + block);
    got = mg_read(connection, body.data() + size, block);
    body.resize(size + static_cast<std::size_t>(std::max(got, 0)));
  }
  if (body.size() > limit) return too_large();
  if (got < 0 || (!chunked && body.size() < announced)) {
    return text_response(408, "408 the request body did not arrive\n");
  }
  return std::nullopt;
}

/// Whether it is said once and in one way whom the request is for and where it ends (RFC 9112, 3.2 and 6.3):
/// what a proxy and this server read differently, one of them reads wrongly.
bool is_unambiguous(const Request& request) {
  const auto count = [&](std::string_view name) {
    return std::count_if(request.headers.begin(), request.headers.end(),
                         [&](const auto& header) { return header.first == name; });
  };
  const auto lengths = count("content-length");
  const auto encodings = count("transfer-encoding");
  return count("host") <= 1 && lengths + encodings <= 1;
}

bool is_clean_header(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void write_response(mg_connection* connection, const Response& response, bool head_only, bool close) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                mg_get_response_code_text(connection, response.status));
  // 204 says that there is no content, and must not say how long it is (RFC 9110, 8.6).
  if (response.status != 204) {
    out += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                       response.content().size());
  }
  for (const auto& [name, value] : response.headers) {
    if (is_clean_header(name) && is_clean_header(value)) out += fmt::format("{}: {}\r\n", name, value);
  }
  out += close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
  const bool one_write = !head_only && response.content().size() <= kOneWrite;
  if (one_write) out += response.content();
  if (mg_write(connection, out.data(), out.size()) <= 0) return;
  if (!head_only && !one_write) mg_write(connection, response.content().data(), response.content().size());
}

/// Wakes a civetweb that polls its listening sockets: it looks at its stop flag every 2 s otherwise.
void knock(const ListenAddress& address) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.ip == "0.0.0.0" ? "127.0.0.1" : address.ip.c_str(), &where.sin_addr);
  static_cast<void>(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where));
}

std::vector<std::string> accepted_hosts(const Options& options, const std::vector<ListenAddress>& listen) {
  std::vector<std::string> hosts = options.allowed_hosts;
  for (const ListenAddress& address : listen) hosts.push_back(address.host);
  return hosts;
}

}  // namespace

struct Server::Impl {
  Impl(Options o, std::vector<Route> r, std::vector<ListenAddress> l, EventLog& event_log)
      : options(std::move(o)),
        routes(std::move(r)),
        hosts(accepted_hosts(options, l)),
        log(event_log),
        connections({.receive = std::chrono::milliseconds(options.request_timeout_ms),
                     .send = kSendTimeouts * std::chrono::milliseconds(options.request_timeout_ms),
                     .keep_alive = std::chrono::milliseconds(options.keep_alive_timeout_ms),
                     .patient = std::min(options.patient_workers, options.workers - 1)}),
        listen(std::move(l)) {}

  Status start();
  Response respond(mg_connection* connection, const mg_request_info& info, Request& request, bool& close);
  void serve(mg_connection* connection);
  void stop();

  static Impl& of(const mg_connection* connection) {
    return *static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
  }
  static mg_callbacks callbacks();

  const Options options;
  const RouteTable routes;
  const HostCheck hosts;
  EventLog& log;
  Connections connections;
  std::vector<ListenAddress> listen;
  std::vector<std::string> addresses;
  mg_context* context = nullptr;  // of whoever starts and stops the server
  Mutex start_mutex;
  bool starting CHIRON_GUARDED_BY(start_mutex) = true;
  std::string start_error CHIRON_GUARDED_BY(start_mutex);  // civetweb tells it through its log only
};

mg_callbacks Server::Impl::callbacks() {
  mg_callbacks callbacks{};
  callbacks.init_connection = [](const mg_connection* connection, void** data) {
    *data = new Connection;
    of(connection).connections.opened();
    return 0;
  };
  callbacks.begin_request = [](mg_connection* connection) {
    of(connection).serve(connection);
    return 200;  // handled; civetweb uses the number for its access log, which is off
  };
  callbacks.end_request = [](const mg_connection* connection, int) {
    const Connection* ours = connection_of(connection);
    if (ours != nullptr && ours->peer)
      of(connection).connections.enter(*ours->peer, Connections::Phase::idle);
    // Each of the many workers waits with what its deepest request took otherwise.
    release_unused_stack();
  };
  callbacks.connection_close = [](const mg_connection* connection) {
    const std::unique_ptr<Connection> ours(connection_of(connection));
    mg_set_user_connection_data(connection, nullptr);
    if (ours) of(connection).connections.closed(ours->peer ? &*ours->peer : nullptr);
  };
  callbacks.log_message = [](const mg_connection* connection, const char* message) {
    Impl& impl = of(connection);
    impl.log.debug("http server", {{"message", message}});
    const MutexLock lock(impl.start_mutex);
    if (impl.starting && impl.start_error.empty()) impl.start_error = message;
    return 1;
  };
  return callbacks;
}

Status Server::Impl::start() {
  std::string ports;
  for (const ListenAddress& address : listen) ports += (ports.empty() ? "" : ",") + address.to_string();
  const std::string workers = std::to_string(options.workers);
  const std::string request_timeout = std::to_string(options.request_timeout_ms);
  const std::string keep_alive_timeout = std::to_string(options.keep_alive_timeout_ms);
  // The path arrives undecoded: civetweb decodes into a C string, which %00 would cut.
  const char* const settings[] = {"listening_ports",
                                  ports.c_str(),
                                  "num_threads",
                                  workers.c_str(),
                                  "listen_backlog",
                                  kBacklog,
                                  "max_request_size",
                                  kLongestHead,
                                  "decode_url",
                                  "no",
                                  "enable_keep_alive",
                                  "yes",
                                  "tcp_nodelay",
                                  "1",
                                  "request_timeout_ms",
                                  request_timeout.c_str(),
                                  "keep_alive_timeout_ms",
                                  keep_alive_timeout.c_str(),
                                  nullptr};
  static const unsigned library = mg_init_library(MG_FEATURES_DEFAULT);
  static_cast<void>(library);
  const mg_callbacks table = callbacks();
  context = mg_start(&table, this, const_cast<const char**>(settings));
  {
    const MutexLock lock(start_mutex);
    starting = false;
    if (context == nullptr) {
      return Error(ErrorCode::unavailable,
                   fmt::format("cannot start the HTTP server on {}: {}. Choose another address "
                               "with --web.listen-address=HOST:PORT",
                               ports, start_error));
    }
  }

  std::vector<mg_server_port> bound(listen.size());
  const int count = mg_get_server_ports(context, static_cast<int>(bound.size()), bound.data());
  std::vector<std::uint16_t> numbers;
  for (std::size_t i = 0; i < listen.size() && static_cast<int>(i) < count; ++i) {
    listen[i].port = static_cast<std::uint16_t>(bound[i].port);
    numbers.push_back(listen[i].port);
    addresses.push_back(listen[i].to_string());
  }
  connections.watch(std::move(numbers));
  return {};
}

Response Server::Impl::respond(mg_connection* connection, const mg_request_info& info, Request& request,
                               bool& close) {
  request.method = info.request_method != nullptr ? info.request_method : "";
  request.query = info.query_string != nullptr ? info.query_string : "";
  request.remote = fmt::format("{}:{}", info.remote_addr, info.remote_port);
  for (int i = 0; i < info.num_headers; ++i) {
    const auto& header = info.http_headers[i];
    if (header.name != nullptr)
      request.headers.emplace_back(to_lower(header.name), header.value ? header.value : "");
  }
  // The rest of a request that is turned down is not read, so its connection cannot go on.
  close = true;
  if (!is_unambiguous(request))
    return text_response(400, "400 Host, or the length of the body, is told twice\n");
  if (!hosts.allows(request.header("host"), info.remote_addr))
    return text_response(403, HostCheck::explanation(request.header("host")));
  auto path = decode_percent(info.local_uri_raw != nullptr ? info.local_uri_raw : "", Plus::is_plus);
  if (!path || !path->starts_with('/')) return text_response(400, "400 malformed path\n");
  request.path = *std::move(path);

  const RouteTable::Match match = routes.find(request.method, request.path);
  if (match.route == nullptr && match.allow.empty()) return text_response(404, "404 page not found\n");
  if (match.route == nullptr) {
    Response response = text_response(405, "405 method not allowed here; allowed: " + match.allow + "\n");
    response.headers.emplace_back("Allow", match.allow);
    return response;
  }
  if (auto refusal = read_body(connection, info, request, options.body_limit, request.body))
    return *std::move(refusal);
  close = false;

  const Peer& peer = *connection_of(connection)->peer;
  request.gone = HangUp(peer);
  connections.enter(peer, Connections::Phase::handling);
  try {
    return match.route->handler(request);
  } catch (const std::exception& e) {
    log.error("http handler failed", {{"path", request.path}, {"error", e.what()}});
  } catch (...) {
    log.error("http handler failed", {{"path", request.path}, {"error", "unknown exception"}});
  }
  return text_response(500, "500 internal error; see the log\n");
}

void Server::Impl::serve(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  Connection* ours = connection_of(connection);
  if (info == nullptr || ours == nullptr) return;
  ours->peer = peer_of(*info);
  connections.enter(*ours->peer, Connections::Phase::receiving);

  Request request;
  bool close = false;
  const Response response = respond(connection, *info, request, close);
  close = close || to_lower(request.header("connection")) == "close" ||
          std::string_view(info->http_version != nullptr ? info->http_version : "") != "1.1" ||
          !connections.may_stay(*ours->peer);
  if (close) mg_disable_connection_keep_alive(connection);
  connections.enter(*ours->peer, Connections::Phase::sending);
  write_response(connection, response, request.method == "HEAD", close);
}

void Server::Impl::stop() {
  if (context == nullptr) return;
  connections.drain(kDrainPatience);
  std::promise<void> stopped;
  const std::future<void> done = stopped.get_future();
  std::thread stopper([&] {
    mg_stop(context);
    stopped.set_value();
  });
  while (done.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    for (const ListenAddress& address : listen) knock(address);
  }
  stopper.join();
  context = nullptr;
}

Result<std::unique_ptr<Server>> Server::start(Options options, std::vector<Route> routes, EventLog& log) {
  std::vector<ListenAddress> listen;
  for (const std::string& text : options.listen) {
    Result<ListenAddress> address = parse_listen_address(text);
    if (!address) return std::move(address).error();
    if (Status bindable = check_bindable(*address); !bindable) return std::move(bindable).error();
    listen.push_back(*std::move(address));
  }
  if (listen.empty()) return Error(ErrorCode::invalid_argument, "no address to listen on");
  auto impl = std::make_unique<Impl>(std::move(options), std::move(routes), std::move(listen), log);
  if (Status started = impl->start(); !started) return std::move(started).error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

const std::vector<std::string>& Server::addresses() const { return impl_->addresses; }

void Server::stop() { impl_->stop(); }

}  // namespace chiron::http
