#pragma once

#include "agent/loop.h"
#include "agent/views.h"
#include "exporter/http/server.h"

#include <vector>

namespace chiron::agent {

/// The routes of the agent (design.md, section 8). TCP changes nothing: all of them read. `views` and `loop`
/// outlive the server.
std::vector<http::Route> make_routes(const Views& views, Loop& loop);

}  // namespace chiron::agent
