#pragma once

#include "exporter/base/result.h"
#include "exporter/base/socket_wait.h"

#include <string>
#include <vector>

namespace chiron {

/// The addresses of a host name, as text, in the order that getaddrinfo(3) prefers; an IP address is its own
/// answer, at once. getaddrinfo cannot be interrupted and may take a minute with a dead name server: it runs
/// on a thread of its own that is left behind when `wait` ends, at most one for each name, which later callers
/// join. Not more than 16 such threads exist; past that it fails at once. Errors begin with "resolve HOST: ".
/// Thread-safe.
Result<std::vector<std::string>> resolve_host(const std::string& host, const SocketWait& wait);

}  // namespace chiron
