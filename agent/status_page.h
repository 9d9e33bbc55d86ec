#pragma once

#include "agent/document.h"
#include "exporter/http/server.h"

#include <span>
#include <string>
#include <string_view>

namespace chiron::agent {

/// What `/` shows: the answer of /api/v1/status, with links to `routes`.
Document status_page(std::string_view status_json, std::span<const http::Route> routes);

}  // namespace chiron::agent
