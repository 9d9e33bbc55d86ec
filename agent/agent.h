#pragma once

#include "agent/config.h"
#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"

#include <memory>
#include <string>

namespace chiron::agent {

struct AgentParts;

/// The running agent: builds the parts in order, joins them, and takes them down in the opposite order:
/// servers before what they read.
class Agent {
 public:
  /// Everything the start needs is checked here; an error says which step failed and what to do.
  static Result<std::unique_ptr<Agent>> start(Config config, const Clock& clock, EventLog& log);
  ~Agent();

  /// Reads configuration, rules and remedies again. Rules, remedies, their tuning, deletion and remediation
  /// take effect, all or nothing. The changed settings that wait for a restart. An error leaves everything as
  /// it was.
  Result<std::vector<std::string>> reload();

  /// Whether the first pass is done.
  bool ready() const;
  /// Whether the loop has made progress within three intervals.
  bool healthy() const;
  /// Addresses that are served, HOST:PORT.
  std::vector<std::string> addresses() const;

  /// Stops servers, cancels runs, waits for them at most `wait`, marks the rest interrupted. Not to be
  /// destroyed after it: what hangs may still use it.
  void stop(Duration wait);

 private:
  explicit Agent(std::unique_ptr<AgentParts> parts);
  std::unique_ptr<AgentParts> parts_;
};

}  // namespace chiron::agent
