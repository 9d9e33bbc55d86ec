#include "exporter/http/listen_address.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <cerrno>
#include <memory>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron::http {
namespace {

Error invalid(std::string_view text, std::string_view why) {
  return {ErrorCode::invalid_argument, "listen address \"" + std::string(text) + "\": " + std::string(why) +
                                           "; write HOST:PORT, or :PORT for every address of the host"};
}

Result<std::string> lookup_ipv4(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); rc != 0) {
    return Error(ErrorCode::invalid_argument, ::gai_strerror(rc));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  sockaddr_in address{};
  std::memcpy(&address, found->ai_addr, sizeof address);
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return std::string(text);
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
  in_addr parsed{};
  if (::inet_pton(AF_INET, address.host.c_str(), &parsed) == 1) {
    address.ip = address.host;
    return address;
  }
  Result<std::string> ip = lookup_ipv4(address.host);
  if (!ip) return invalid(text, "cannot resolve \"" + address.host + "\" (" + ip.error().to_string() + ")");
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
