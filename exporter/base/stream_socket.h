#pragma once

#include "exporter/base/file.h"
#include "exporter/base/result.h"
#include "exporter/base/socket_wait.h"

#include <string>
#include <string_view>

namespace chiron {

/// Where a server listens: a name or address with a port, or a Unix socket.
struct StreamAddress {
  bool is_unix = false;
  std::string host = {};  ///< a name, an IPv4 or IPv6 address without brackets
  std::string port = {};
  std::string path = {};  ///< of the Unix socket
};

/// HOST:PORT, [IPV6]:PORT, /path/of/a/socket or unix:/path/of/a/socket.
Result<StreamAddress> parse_stream_address(std::string_view text);

/// A connected, non-blocking, close-on-exec stream socket. Of several addresses of a name, each is tried in
/// turn with its share of the time. Errors name the phase: "resolve HOST: ...", "connect: Connection refused".
/// Thread-safe.
Result<FileDescriptor> connect_stream(const StreamAddress& address, const SocketWait& wait);

}  // namespace chiron
