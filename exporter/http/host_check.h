#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chiron::http {

/// Guards against DNS rebinding: a web page on evil.example that resolves to 127.0.0.1 makes the victim's
/// browser send "Host: evil.example". A request over loopback is answered only when its Host is an IP address
/// (an attacker's page cannot have one that is ours), localhost, this host's own name,
/// a listen host, or one that was allowed. What comes over the network can be asked by anybody there,
/// by whatever name. Thread-safe.
class HostCheck {
 public:
  /// `allowed` as in Options::allowed_hosts, with or without a port; "*" turns the check off.
  explicit HostCheck(std::vector<std::string> allowed);

  /// `host` is the value of the Host header; empty (HTTP/1.0, never a browser) is allowed. `peer` is the IP
  /// address that asks: who asks over loopback has one of loopback's.
  bool allows(std::string_view host, std::string_view peer) const;
  /// What to answer when it does not.
  static std::string explanation(std::string_view host);

 private:
  std::vector<std::string> allowed_;  // lower case, without port
  bool any_ = false;
};

}  // namespace chiron::http
