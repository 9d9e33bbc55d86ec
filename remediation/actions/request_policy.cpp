#include "remediation/actions/request_policy.h"

#include "exporter/base/parse.h"
#include "exporter/base/url.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::string_view kAnyBelow = "*.";

std::string_view path_of(const Url& url) {
  return std::string_view(url.target).substr(0, url.target.find('?'));
}

bool has_dot_segment(std::string_view path) {
  for (std::string_view segment; next_field(path, '/', segment);) {
    if (segment == "." || segment == "..") return true;
  }
  return path == "." || path == "..";
}

/// RFC 3986, section 2.1: a server may take %2e for a dot, and many take a backslash for a slash.
std::string decoded(std::string_view path) {
  std::string out = to_lower(path);
  for (const auto& [code, plain] :
       {std::pair("%2e", "."), std::pair("%2f", "/"), std::pair("%5c", "/"), std::pair("\\", "/")}) {
    for (std::size_t at = 0; (at = out.find(code, at)) != std::string::npos;) {
      out.replace(at, std::string_view(code).size(), plain);
    }
  }
  return out;
}

bool lies_below(std::string_view path, std::string_view root) {
  while (root.ends_with('/')) root.remove_suffix(1);
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

bool host_matches(const std::string& host, const std::string& allowed) {
  const std::string is = to_lower(host), may = to_lower(allowed);
  if (!may.starts_with(kAnyBelow)) return is == may;
  return is.size() > may.size() - 1 && is.ends_with(std::string_view(may).substr(1));
}

bool covers(const Url& allowed, const Url& url) {
  if (allowed.scheme != url.scheme) return false;
  if (url.scheme == "unix") return allowed.target == url.target;
  if (!host_matches(url.host, allowed.host) || allowed.port != url.port) return false;
  return lies_below(path_of(url), path_of(allowed)) && !has_dot_segment(decoded(path_of(url)));
}

}  // namespace

Status check_allowed_url(std::string_view text) {
  const Result<Url> url = parse_url(text);
  if (!url) return url.error();
  const std::string_view host = url->host;
  const bool star_inside =
      host.substr(host.starts_with(kAnyBelow) ? kAnyBelow.size() : 0).find('*') != host.npos;
  if (star_inside) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("'{}': in a host only \"*.\" at its beginning is a wildcard", text));
  }
  if (url->target.find('?') != std::string::npos) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("'{}': holds a query; a path and all that lies below it is allowed", text));
  }
  return {};
}

Status check_request_allowed(const RequestPolicy& policy, std::string_view url) {
  if (policy.allow.empty()) return {};
  const Result<Url> asked = parse_url(url);
  if (!asked) return asked.error();
  for (const std::string& text : policy.allow) {
    const Result<Url> allowed = parse_url(text);
    if (allowed && covers(*allowed, *asked)) return {};
  }
  return Error(ErrorCode::permission_denied, fmt::format("{} is not below any URL of requests.allow", url));
}

Status check_request_allowed(const ActionContext& context, std::string_view url) {
  return context.requests == nullptr ? Status() : check_request_allowed(*context.requests, url);
}

}  // namespace chiron::remediation
