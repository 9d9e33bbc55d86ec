#pragma once

#include "exporter/http/server.h"

#include <span>
#include <string>
#include <string_view>

namespace chiron::agent {

/// What `/` shows: the answer of /api/v1/status as one plain page, with links to `routes`. Without script and
/// without anything from elsewhere; names from strangers are escaped.
std::string status_page(std::string_view status_json, std::span<const http::Route> routes);

/// Text as HTML shows it, in an element or in a quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace chiron::agent
