#include "exporter/base/url.h"

#include "exporter/base/parse.h"

#include <algorithm>

namespace chiron {
namespace {

Error invalid(std::string_view url, std::string_view why) {
  return {ErrorCode::invalid_argument, "URL \"" + std::string(url) + "\": " + std::string(why)};
}

Status split_authority(std::string_view text, std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    return invalid(text.substr(0, text.find("//")),
                   "user and password do not belong in a URL; send a header");
  }
  const std::string default_port = url.scheme == "https" ? "443" : "80";
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return invalid(text, "no ] after the IPv6 address");
    url.host = std::string(authority.substr(1, end - 1));
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = std::string(authority.substr(0, colon));
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (url.host.empty()) return invalid(text, "no host");
  if (!port.empty()) {
    const auto number = parse_int<std::uint16_t>(port.substr(1));
    if (port.front() != ':' || !number || *number == 0)
      return invalid(text, "the port must be from 1 to 65535");
    url.port = std::to_string(*number);
  } else {
    url.port = default_port;
  }
  const bool six = url.host.find(':') != std::string::npos;
  url.authority = six ? "[" + url.host + "]" : url.host;
  if (url.port != default_port) url.authority += ":" + url.port;
  return {};
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  // Blanks and control characters would end the request line or a header early.
  const auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (std::any_of(text.begin(), text.end(), is_bad))
    return invalid("...", "holds a blank or a control character");
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return invalid(text, "must begin with http://, https:// or unix://");
  Url url;
  url.scheme = std::string(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  if (url.scheme == "unix") {
    if (!rest.starts_with('/'))
      return invalid(text, "unix: wants an absolute path, as in unix:///run/docker.sock");
    url.target = std::string(rest);
    return url;
  }
  if (url.scheme != "http" && url.scheme != "https")
    return invalid(text, "only http, https and unix are known");
  rest = rest.substr(0, rest.find('#'));
  const std::size_t end = rest.find_first_of("/?");
  if (Status split = split_authority(text, rest.substr(0, end), url); !split) return std::move(split).error();
  url.target = end == std::string_view::npos ? "/" : std::string(rest.substr(end));
  if (url.target.front() == '?') url.target.insert(0, "/");
  return url;
}

Result<Url> resolve_reference(const Url& base, std::string_view location) {
  if (location.starts_with("//")) return parse_url(base.scheme + ":" + std::string(location));
  // A scheme stands before any path or query; behind them, "://" is data.
  const std::string_view before_path = location.substr(0, location.find_first_of("/?#"));
  if (before_path.ends_with(':')) return parse_url(location);
  const std::string root = base.scheme + "://" + base.authority;
  if (location.starts_with('/')) return parse_url(root + std::string(location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(root + path + std::string(location));
  return parse_url(root + path.substr(0, path.rfind('/') + 1) + std::string(location));
}

}  // namespace chiron
