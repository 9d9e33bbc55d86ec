#include "exporter/http/host_check.h"

#include "exporter/base/parse.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

namespace chiron::http {
namespace {

/// "name", "name:port", "1.2.3.4:port", "[::1]:port" -> the host alone, lower case, without a final dot.
std::string host_part(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    return end == std::string_view::npos ? std::string() : to_lower(text.substr(1, end - 1));
  }
  std::string host = to_lower(text.substr(0, text.find(':')));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

bool is_ip_address(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  return ::inet_pton(AF_INET, host.c_str(), &four) == 1 || ::inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

}  // namespace

HostCheck::HostCheck(std::vector<std::string> allowed) {
  for (const std::string& name : allowed) {
    if (name == "*") any_ = true;
    if (std::string host = host_part(name); !host.empty()) allowed_.push_back(std::move(host));
  }
  allowed_.push_back("localhost");
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0') allowed_.push_back(host_part(name));
}

bool HostCheck::allows(std::string_view host, std::string_view peer) const {
  if (any_ || host.empty() || !is_loopback(peer)) return true;
  const std::string name = host_part(host);
  return is_ip_address(name) || std::find(allowed_.begin(), allowed_.end(), name) != allowed_.end();
}

std::string HostCheck::explanation(std::string_view host) {
  // Quoted back as text/plain, cut and cleaned: it comes from the request.
  std::string shown(host.substr(0, 100));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "403 forbidden: the Host header \"" + shown +
         "\" is not a name of this server (a guard against DNS rebinding).\n"
         "If it should be, add it with --web.allowed-host, or in the configuration file to http: "
         "{allowed_hosts: [...]}.\n";
}

}  // namespace chiron::http
