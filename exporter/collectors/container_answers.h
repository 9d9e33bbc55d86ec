#pragma once

#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What an engine answers, decoded (Docker Engine API 1.41; Podman's compatible API differs where noted). The
// decoders give ErrorCode::corrupt for what is no JSON or not of this shape; absent fields are empty. Texts
// are cut to what is fit for a label.

namespace chiron {

/// 12 to 64 lower-case hexadecimal digits.
bool is_container_id(std::string_view id);

/// GET /containers/ID/json
struct ContainerDetail {
  std::string id;
  std::string name;      ///< without the leading slash
  std::string image;     ///< as it was asked for when the container was made
  std::string state;     ///< created, running, paused, restarting, removing, exited, dead; Podman has more
  std::int64_t pid = 0;  ///< of the main process, in the engine's namespace; 0 when not running
  std::int64_t exit_code = 0;
  bool oom_killed = false;     ///< in the last run
  double started_at = 0;       ///< seconds since the epoch; 0: never
  double finished_at = 0;      ///< of the last run that ended; 0: none did
  std::string error;           ///< why it could not be started
  std::string health;          ///< starting, healthy, unhealthy; "" without a health check
  std::int64_t restarts = 0;   ///< RestartCount: by the engine's restart policy
  std::string restart_policy;  ///< no, always, on-failure, unless-stopped
  std::string cgroup_parent;   ///< "" is the engine's default
  std::string network_mode;    ///< host, none, bridge, container:ID, the name of a network
  bool auto_remove = false;    ///< goes when it stops
  std::vector<std::pair<std::string, std::string>> labels;
};
Result<ContainerDetail> decode_container_detail(std::string_view json);

/// GET /containers/json: the ids. A row without a valid one is corrupt.
Result<std::vector<std::string>> decode_container_list(std::string_view json);

/// GET /info: whether cgroups are made through systemd (slices and scopes) or directly.
Result<bool> decode_uses_systemd_cgroups(std::string_view json);

/// A line of GET /events.
struct ContainerEvent {
  std::string id;      ///< "" when it is not about a container
  std::string action;  ///< start, die, destroy, "health_status: healthy", ...; Podman: died, remove, ...
  std::string signal;  ///< of kill: its number; Podman may leave it out
  double time = 0;     ///< seconds since the epoch; 0: not told
};
Result<ContainerEvent> decode_container_event(std::string_view json);
/// The answer to a GET /events with an end: one event a line, the oldest first.
Result<std::vector<ContainerEvent>> decode_container_events(std::string_view lines);

/// What an engine stores of one kind: GET /system/df.
struct EngineStore {
  double bytes = 0;
  double reclaimable_bytes = 0;  ///< of what nothing uses now
  double objects = 0;
};
struct EngineDisk {
  EngineStore
      images;  ///< layers that several share count once; reclaimable: layers of one unused image alone
  EngineStore containers;  ///< what they wrote to their own layer
  EngineStore volumes;
  EngineStore build_cache;
};
Result<EngineDisk> decode_engine_disk(std::string_view json);

/// The text of an answer that tells of a failure; "" when it has none.
std::string decode_message(std::string_view json);

}  // namespace chiron
