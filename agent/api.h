#pragma once

#include "agent/promapi/api.h"
#include "agent/scrape.h"
#include "agent/views.h"
#include "exporter/http/server.h"

#include <vector>

namespace chiron::agent {

/// The routes of the agent (design.md, section 8). TCP changes nothing: all of them read. The arguments
/// outlive the server.
std::vector<http::Route> make_routes(const Views& views, Scrapes& scrapes, promapi::Api& api);

}  // namespace chiron::agent
