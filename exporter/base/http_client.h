#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron {

struct HttpRequest {
  std::string method = "GET";
  /// http://host:port/path, https://..., or unix:///run/docker.sock with `target` as the path asked for.
  std::string url = {};
  std::string target = {};  ///< only with unix:
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Duration timeout = std::chrono::seconds(5);  ///< for all of it: resolve, connect, TLS, write, read
  std::size_t body_limit = 8 << 20;            ///< a longer body is ErrorCode::exhausted
  bool verify_tls = true;
  std::string ca_file = {};                ///< authorities in PEM, instead of the system's; "": the system's
  int max_redirects = 0;                   ///< followed only for GET and HEAD
  std::optional<CancelToken> cancel = {};  ///< ends it early, as ErrorCode::cancelled
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case
  std::string body = {};
  int redirects = 0;
  std::string header(std::string_view lower_name) const;
};

/// One request over one connection, Boost.Beast underneath. Blocks the calling thread, never longer than
/// timeout (name resolution apart: getaddrinfo(3) cannot be interrupted, so it runs where it may be left
/// behind). A response with any status is a value; errors say which phase failed. Thread-safe.
Result<HttpResponse> http_request(const HttpRequest& request);

}  // namespace chiron
