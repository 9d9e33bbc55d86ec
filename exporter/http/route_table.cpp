#include "exporter/http/route_table.h"

namespace chiron::http {
namespace {

/// How well a route's path fits: 0 not at all, otherwise the more the better.
std::size_t fit(std::string_view pattern, std::string_view path) {
  if (pattern == path) return std::string_view::npos;
  if (!pattern.ends_with("/*")) return 0;
  pattern.remove_suffix(1);
  return path.starts_with(pattern) ? pattern.size() : 0;
}

}  // namespace

RouteTable::Match RouteTable::find(std::string_view method, std::string_view path) const {
  std::size_t best = 0;
  for (const Route& route : routes_) best = std::max(best, fit(route.path, path));
  if (best == 0) return {};

  Match match;
  for (const Route& route : routes_) {
    if (fit(route.path, path) != best) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) return {&route, {}};
    match.allow += (match.allow.empty() ? "" : ", ") + route.method;
    if (route.method == "GET") match.allow += ", HEAD";
  }
  return match;
}

}  // namespace chiron::http
