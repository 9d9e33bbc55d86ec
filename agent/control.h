#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace chiron::agent {

/// The group whose members may ask: chiron, when there is one.
std::optional<gid_t> control_group();

/// Who is at the other end, from SO_PEERCRED (unix(7)).
struct Peer {
  unsigned uid = 0;
  int pid = 0;
  std::string user;  ///< name, or "uid 1000"
  /// Whether it has closed its connection meanwhile, for handlers that take long. Only while the handler
  /// runs; null where nobody can tell.
  std::function<bool()> gone = nullptr;
};

/// The control socket: STATE_DIR/control.sock, mode 0660, group chiron when there is one. A connection
/// carries one JSON object a line each way. Root, the agent's own user and the members of group chiron are
/// answered.
class ControlServer {
 public:
  /// Takes one request (a JSON object as text), returns the reply (the same). Called on a thread of the
  /// connection's own, several at a time; must not throw.
  using Handler = std::function<std::string(const std::string& request, const Peer& peer)>;

  static Result<std::unique_ptr<ControlServer>> start(std::string path, Handler handler, EventLog& log);
  /// stop(), however long the handlers take.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Takes no more requests, and waits for the handlers that run. False when some still do after `wait`: then
  /// what the handler refers to must live on.
  bool stop(Duration wait);

  static constexpr std::size_t kMaxConnections = 16;
  static constexpr std::size_t kMaxRequest = 1 << 20;

 private:
  struct Impl;
  explicit ControlServer(std::shared_ptr<Impl> impl);
  const std::shared_ptr<Impl> impl_;  // with the connections' threads
};

/// One request to a running agent. ErrorCode::unavailable: no agent listens there.
Result<std::string> control_request(const std::string& path, const std::string& request, Duration timeout);

std::string control_socket_path(const std::string& storage_path);

}  // namespace chiron::agent
