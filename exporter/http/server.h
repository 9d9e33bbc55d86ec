#pragma once

#include "exporter/base/event_log.h"
#include "exporter/base/result.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chiron::http {

struct Request {
  std::string method = {};
  std::string path = {};   ///< decoded
  std::string query = {};  ///< raw query string
  std::string body = {};   ///< at most Options::body_limit bytes
  std::string remote = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case
  /// Whether the client has closed its end meanwhile, for handlers that take long. Only while the handler
  /// runs; null where nobody can tell.
  std::function<bool()> gone = nullptr;

  std::string header(std::string_view lower_name) const;
  /// All values of a header whose value is a list, as one list (RFC 9110, 5.3).
  std::string header_list(std::string_view lower_name) const;
  /// The parameters of the query string, and those of the body when it is a form: before them when it is
  /// urlencoded, behind them when it is multipart/form-data. Decoded; what cannot be decoded is left out.
  std::vector<std::pair<std::string, std::string>> all_params() const;
  /// All values of one of them.
  std::vector<std::string> params(std::string_view name) const;
  std::string param(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  /// Instead of `body` when set: an answer that many get is kept once.
  std::shared_ptr<const std::string> shared_body = nullptr;
  std::vector<std::pair<std::string, std::string>> headers = {};

  const std::string& content() const { return shared_body ? *shared_body : body; }
};

using Handler = std::function<Response(const Request&)>;

struct Route {
  std::string method;  ///< GET (HEAD is answered from it) or POST
  std::string path;    ///< exact, or a prefix when it ends with "/*"
  std::string help;    ///< one line, for the reference page and the landing page
  Handler handler;
};

struct Options {
  std::vector<std::string> listen = {};  ///< HOST:PORT or :PORT; port 0 picks a free one
  std::size_t workers = 8;               ///< threads; at least 1
  /// Those that may wait for clients, between requests or for the rest of one; fewer than `workers`.
  std::size_t patient_workers = 4;
  std::size_t body_limit = 1 << 20;
  /// Host headers answered besides the listen addresses, localhost and loopback; "*" turns the check off.
  std::vector<std::string> allowed_hosts = {};
  int request_timeout_ms = 10'000;
  int keep_alive_timeout_ms = 5'000;
};

/// civetweb behind a small route table. Handlers run on civetweb's threads; one that throws answers 500.
/// An unknown path is 404, a known path with another method 405 with Allow. stop() returns once no handler
/// runs.
class Server {
 public:
  static Result<std::unique_ptr<Server>> start(Options options, std::vector<Route> routes, EventLog& log);
  ~Server();
  /// Bound addresses, HOST:PORT with the real port.
  const std::vector<std::string>& addresses() const;
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chiron::http
