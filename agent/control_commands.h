#pragma once

#include "agent/control.h"
#include "agent/promapi/api.h"
#include "agent/views.h"
#include "remediation/engine/remediator.h"

#include <functional>
#include <string>
#include <vector>

namespace chiron::agent {

/// Answers the requests of the control socket: {"command": NAME, ...arguments} -> {"ok":true,"data":...} or
/// {"ok":false,"code":...,"error":...}. Those that change something are recorded with the peer's user name.
class ControlCommands {
 public:
  ControlCommands(const Views& views, promapi::Api& api, remediation::Remediator& remediator, EventLog& log,
                  std::function<Result<std::vector<std::string>>()> reload)
      : views_(views), api_(api), remediator_(remediator), log_(log), reload_(std::move(reload)) {}

  /// Never throws.
  std::string handle(const std::string& request, const Peer& peer);

 private:
  struct Call;
  Result<std::string> dispatch(const Call& call);
  Result<std::string> read(const Call& call);
  Result<std::string> change(const Call& call);
  Result<std::string> resume(const std::string& remedy);
  Result<std::string> pause_state(const std::string& remedy) const;

  const Views& views_;
  promapi::Api& api_;
  remediation::Remediator& remediator_;
  EventLog& log_;
  const std::function<Result<std::vector<std::string>>()> reload_;  ///< Agent::reload
};

}  // namespace chiron::agent
