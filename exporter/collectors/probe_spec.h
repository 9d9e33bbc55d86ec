#pragma once

#include <string>
#include <vector>

#include "exporter/base/clock.h"

namespace chiron {

enum class ProbeModule { http, tcp, unix_socket, redis };

/// One scheduled probe: an entry of `probes:` in the configuration file. Its series carry the labels probe (name),
/// module (http, tcp, unix, redis) and target.
struct ProbeSpec {
  std::string name;
  ProbeModule module = ProbeModule::http;
  std::string target;  ///< http: a URL; tcp: HOST:PORT; unix: a path; redis: HOST:PORT or a path
  Duration interval = std::chrono::seconds(15);
  Duration timeout = std::chrono::seconds(5);
  std::vector<int> valid_status;  ///< http; empty: 2xx
  std::string body_regex;         ///< http; empty: not looked at
  std::string password_file;      ///< redis

  bool operator==(const ProbeSpec&) const = default;
};

}  // namespace chiron
