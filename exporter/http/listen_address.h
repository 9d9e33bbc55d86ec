#pragma once

#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace chiron::http {

/// An IPv4 address and port to listen on (Debian's civetweb is built without IPv6).
struct ListenAddress {
  std::string host;  ///< as written; "" is every address
  std::string ip;    ///< dotted quad; 0.0.0.0 for every address
  std::uint16_t port = 0;

  /// IP:PORT, which civetweb's listening_ports takes too.
  std::string to_string() const;
};

/// HOST:PORT or :PORT; a HOST that is a name is looked up, once. Errors name the text and what would do.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// Tries to bind, and lets go again: civetweb tells only that something failed. An error says what stands in
/// the way and how to choose another address.
Status check_bindable(const ListenAddress& address);

}  // namespace chiron::http
