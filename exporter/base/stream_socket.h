#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/file.h"
#include "exporter/base/result.h"

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

/// How long something on a socket may take, and what ends it before.
struct SocketWait {
  BootTime deadline;
  int wake_descriptor = -1;  ///< readable: stop with ErrorCode::cancelled. Borrowed; -1: none

  static SocketWait within(Duration timeout, int wake_descriptor = -1);
};

/// Waits until poll(2) reports one of `events` (POLLIN, POLLOUT) or an error or hang-up on `fd`, which may be
/// -1 to wait for nothing but the deadline. Errors: timed_out, cancelled.
Status wait_for_socket(int fd, short events, const SocketWait& wait);

/// A connected, non-blocking, close-on-exec stream socket. Of several addresses of a name, each is tried in
/// turn with its share of the time. getaddrinfo(3) cannot be interrupted: it runs on a thread that is left
/// behind when the deadline passes, at most one for each name; later callers join it. Errors name the phase:
/// "resolve: ...", "connect: Connection refused". Thread-safe.
Result<FileDescriptor> connect_stream(const StreamAddress& address, const SocketWait& wait);

}  // namespace chiron
