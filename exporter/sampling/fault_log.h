#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// What the log, and by total() chiron_collector_faults_total, are told of one collector: each fault once for
/// as long as the collector fails, and the end of it. A file that makes new faults in every pass fills
/// neither the log nor memory: past kMostLogged faults there is one entry that says so, and they are only
/// counted, until the collector recovers an hour later or more. Not thread-safe.
class FaultLog {
 public:
  static constexpr std::size_t kMostLogged = 64;

  FaultLog(std::string collector, EventLog& log, const Clock& clock);

  /// In each pass that fails. `count`: of all faults, also those without words.
  void failed(std::span<const std::string> faults, std::size_t count);
  void hangs(std::string_view error);
  void went_well();
  /// Like went_well(); why there is nothing to report.
  void has_nothing(std::string_view reason);

  /// Faults ever, each counted in every pass that met it.
  std::uint64_t total() const { return total_; }

 private:
  /// Whether there may be one more entry; says so when there may not.
  bool take_entry();

  const std::string collector_;
  EventLog& log_;
  const Clock& clock_;
  std::uint64_t total_ = 0;
  std::vector<std::string> known_;  // logged since the collector last went well
  std::string reason_;              // that it had for reporting nothing, as the log has it
  bool is_failing_ = false;         // as the log has it
  std::size_t entries_ = 0;         // since `begin_`
  bool is_cut_ = false;             // the log was told that there are more
  BootTime begin_{};
};

}  // namespace chiron
