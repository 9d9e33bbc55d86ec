#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "remediation/ledger/ledger.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// The agent's newest starts, kept over them: to tell when what remedies do is what ends the agent or the
/// host. One thread.
class Starts {
 public:
  /// What save() made; "" is none yet. corrupt when it cannot be read.
  static Result<Starts> parse(std::string_view json);
  std::string save() const;

  /// The agent starts. `interrupted`: a run was under way when it ended. Without a proper end since the start
  /// before, or on a host that was booted since, that start is one of a loop.
  void begin(const Clock& clock, bool interrupted);
  /// The agent ends as it was asked to.
  void end() { ended_well_ = true; }
  /// Three such starts within half an hour, each within five minutes of another run's begin.
  bool is_loop(std::span<const RunRecord> runs, const Clock& clock) const;
  /// Told and acted upon: it takes three more.
  void forget() { starts_.clear(); }

 private:
  struct Start {
    Moment when;
    bool suspect = false;
  };
  std::vector<Start> starts_;  ///< oldest first, at most three
  std::string boot_id_;        ///< of the newest start
  bool ended_well_ = true;
};

}  // namespace chiron::remediation
