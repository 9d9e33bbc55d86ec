#include "exporter/http/listen_address.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/base/resolver.h"

#include <algorithm>
#include <cerrno>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron::http {
namespace {

Error invalid(std::string_view text, std::string_view why) {
  return {ErrorCode::invalid_argument, "listen address \"" + std::string(text) + "\": " + std::string(why) +
                                           "; write HOST:PORT, or :PORT for every address of the host"};
}

/// A name server that is down must not keep the agent from starting, or from saying why it does not.
constexpr Duration kPatience = std::chrono::seconds(10);

bool is_ipv4(const std::string& text) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1;
}

Result<std::string> lookup_ipv4(const std::string& host) {
  const Result<std::vector<std::string>> addresses = resolve_host(host, SocketWait::within(kPatience));
  if (!addresses) return addresses.error();
  const auto four = std::find_if(addresses->begin(), addresses->end(), is_ipv4);
  if (four == addresses->end()) return Error(ErrorCode::invalid_argument, host + " has no IPv4 address");
  return *four;
}

}  // namespace

std::string ListenAddress::to_string() const { return ip + ":" + std::to_string(port); }

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid(text, "no port");
  const auto port = parse_int<std::uint16_t>(text.substr(colon + 1));
  if (!port) return invalid(text, "the port must be a number from 0 to 65535");

  ListenAddress address;
  address.host = std::string(text.substr(0, colon));
  address.port = *port;
  if (address.host.empty()) {
    address.ip = "0.0.0.0";
    return address;
  }
  if (address.host.find(':') != std::string::npos) return invalid(text, "IPv6 addresses are not supported");
  if (is_ipv4(address.host)) {
    address.ip = address.host;
    return address;
  }
  Result<std::string> ip = lookup_ipv4(address.host);
  if (!ip) return invalid(text, ip.error().to_string());
  address.ip = *std::move(ip);
  return address;
}

Status check_bindable(const ListenAddress& address) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.ip.c_str(), &where.sin_addr);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) return {};

  const int errnum = errno;
  std::string hint;
  if (errnum == EADDRINUSE) hint = "; another program (or another chiron) listens there";
  if (errnum == EADDRNOTAVAIL) hint = "; no interface of this host has that address";
  if (errnum == EACCES) hint = "; ports below 1024 need privileges";
  const Error error = Error::from_errno(errnum, "cannot listen on " + address.to_string());
  return Error(error.code(),
               error.message() + hint + ". Choose another address with --web.listen-address=HOST:PORT");
}

}  // namespace chiron::http
