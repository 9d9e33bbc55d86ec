#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A row of GET /containers/json?all=true (Docker Engine API 1.41; Podman's compatible API answers the same).
struct ContainerSummary {
  std::string id;      ///< lower-case hexadecimal digits
  std::string name;    ///< without the leading slash
  std::string image;   ///< as it was asked for when the container was made
  std::string state;   ///< created, running, paused, restarting, removing, exited, dead
  std::string status;  ///< for people: "Up 3 hours (healthy)"; changes with every change of state and health
};

/// What GET /containers/ID/json adds.
struct ContainerDetail {
  std::int64_t pid = 0;  ///< of the main process, in the engine's namespace; 0 when not running
  std::int64_t exit_code = 0;
  double started_at = 0;      ///< seconds since the epoch; 0: never started
  std::string health;         ///< starting, healthy, unhealthy; "" without a health check
  std::int64_t restarts = 0;  ///< RestartCount: by the engine's restart policy
  std::string cgroup_parent;  ///< "" is the engine's default
};

/// Decode what an engine answers. ErrorCode::corrupt for what is no JSON or not of this shape; a row without
/// a valid id is refused, absent fields are empty.
Result<std::vector<ContainerSummary>> decode_container_list(std::string_view json);
Result<ContainerDetail> decode_container_detail(std::string_view json);

/// Whether the engine makes cgroups through systemd (slices and scopes) or directly; from GET /info.
Result<bool> decode_uses_systemd_cgroups(std::string_view json);

/// The Docker Engine API over a Unix socket. Thread-safe. Errors begin with "container engine SOCKET: ".
class ContainerEngine {
 public:
  explicit ContainerEngine(std::string socket) : socket_(std::move(socket)) {}
  const std::string& socket() const { return socket_; }

  Result<std::vector<ContainerSummary>> list(Duration timeout) const;
  /// ErrorCode::not_found when the container is gone.
  Result<ContainerDetail> inspect(const std::string& id, Duration timeout) const;
  Result<bool> uses_systemd_cgroups(Duration timeout) const;

 private:
  Result<std::string> get(const std::string& target, Duration timeout) const;
  std::string socket_;
};

}  // namespace chiron
