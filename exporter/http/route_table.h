#pragma once

#include "exporter/http/server.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::http {

/// Finds the route of a request: an exact path before a prefix, a longer prefix before a shorter. Immutable.
class RouteTable {
 public:
  explicit RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {}

  struct Match {
    const Route* route = nullptr;
    std::string
        allow;  ///< without a route: the methods that the path has, for Allow; empty for an unknown path
  };
  /// HEAD is answered by a GET route.
  Match find(std::string_view method, std::string_view path) const;

 private:
  const std::vector<Route> routes_;
};

}  // namespace chiron::http
