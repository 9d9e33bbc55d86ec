#pragma once

#include "exporter/http/server.h"

namespace chiron::agent {

/// Smaller bodies fit into a packet or two as they are.
inline constexpr std::size_t kLeastGzipped = 2048;

/// The response as a gzip file when its body is worth that and the client wants it so; says in any case that
/// it depends on that.
http::Response compressed(http::Response response, const http::Request& request);

}  // namespace chiron::agent
