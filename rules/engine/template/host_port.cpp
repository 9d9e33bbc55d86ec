#include "rules/engine/template/host_port.h"

#include <array>
#include <optional>
#include <string_view>

#include <arpa/inet.h>

namespace chiron::rules::tmpl {
namespace {

struct HostPort {
  std::string host, port;
};

/// Nothing where the port is missing, or colons and brackets do not fit.
std::optional<HostPort> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon), rest = text;
  if (text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close + 1 != colon) return std::nullopt;
    host = text.substr(1, close - 1);
    if (host.find('[') != std::string_view::npos) return std::nullopt;
    rest = text.substr(close + 1);
  } else if (host.find(':') != std::string_view::npos || host.find_first_of("[]") != std::string_view::npos) {
    return std::nullopt;
  }
  if (rest.substr(rest.rfind(':')).find_first_of("[]") != std::string_view::npos) return std::nullopt;
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> out{};
  return inet_pton(AF_INET, text.c_str(), out.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), out.data()) == 1;
}

}  // namespace

std::string strip_port(const std::string& host_port) {
  const std::optional<HostPort> parts = split(host_port);
  return parts ? parts->host : host_port;
}

std::string strip_domain(const std::string& host_port) {
  const HostPort parts = split(host_port).value_or(HostPort{host_port, {}});
  if (is_address(parts.host)) return host_port;
  const std::string host = parts.host.substr(0, parts.host.find('.'));
  if (parts.port.empty()) return host;
  const bool brackets = host.find_first_of(":%") != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + parts.port;
}

}  // namespace chiron::rules::tmpl
