#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/http_stream.h"
#include "exporter/collectors/container_answers.h"

#include <string>
#include <vector>

namespace chiron {

/// The engines' sockets that are there, each once: of those that are given, or of the usual places of Docker
/// and Podman. As this process reaches them.
std::vector<std::string> find_engine_sockets(const HostPaths& paths, std::vector<std::string> given);

/// The Docker Engine API 1.41 over a Unix socket, which Podman answers too. Every call is bounded by its
/// wait and given up at once when that is cancelled. Errors begin with "container engine SOCKET: " and keep
/// the engine's message; not_found when what was asked about is gone, failed_precondition when it is in
/// conflict. Thread-safe.
class ContainerEngine {
 public:
  explicit ContainerEngine(std::string socket) : socket_(std::move(socket)) {}
  const std::string& socket() const { return socket_; }

  /// Ids of all containers, stopped ones included.
  Result<std::vector<std::string>> list(const SocketWait& wait) const;
  Result<ContainerDetail> inspect(const std::string& id, const SocketWait& wait) const;
  Result<bool> uses_systemd_cgroups(const SocketWait& wait) const;
  /// Has the engine add up what it stores, which takes it seconds.
  Result<EngineDisk> disk_usage(const SocketWait& wait) const;
  Status ping(const SocketWait& wait) const;
  /// What happens to containers, from `since` (seconds since the epoch) on: one JSON object a line, for
  /// decode_container_event().
  Result<HttpStream> events(std::int64_t since, const SocketWait& wait) const;
  /// What happened to a container from `since` (seconds since the epoch) to `until`, as far as the engine
  /// remembers: Docker keeps its last 256 events of anything, until it is restarted.
  Result<std::vector<ContainerEvent>> past_events(const std::string& id, std::int64_t since, WallTime until,
                                                  const SocketWait& wait) const;

  /// Any request; the body of an answer that says success.
  Result<std::string> request(const HttpStream::Request& request, const SocketWait& wait) const;
  Error failure(Error error) const;

 private:
  template <class T>
  Result<T> get(const std::string& target, const SocketWait& wait,
                Result<T> (*decode)(std::string_view)) const;
  const std::string socket_;
};

}  // namespace chiron
