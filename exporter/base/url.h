#pragma once

#include "exporter/base/result.h"

#include <string>
#include <string_view>

namespace chiron {

/// What a request needs of an http:, https: or unix: URL (RFC 3986).
struct Url {
  std::string scheme;  ///< http, https or unix
  std::string host;    ///< a name or an address, IPv6 without brackets; empty with unix
  std::string port;    ///< digits; the scheme's default when the URL names none
  std::string target;  ///< path and query; with unix the path of the socket
  /// For the Host header: brackets around IPv6, the port unless it is the default.
  std::string authority;
};

/// Errors name the URL and the fault. User names and passwords in a URL are refused: they end up in logs.
Result<Url> parse_url(std::string_view text);

/// `location` as seen from `base` (RFC 3986, section 5.2, without dot segments): absolute, //host, /path or
/// ?query.
Result<Url> resolve_reference(const Url& base, std::string_view location);

}  // namespace chiron
