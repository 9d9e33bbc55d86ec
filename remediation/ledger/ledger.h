#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// design.md section 7: planned -> suppressed | running -> verifying -> one of the ends. A dry-run is running
/// until all of its steps are planned, and ends as planned; a run that waits for approval is planned too, and
/// has no end (waits_for_approval).
enum class RunState {
  planned,
  suppressed,
  running,
  verifying,
  succeeded,
  ineffective,
  failed,
  timed_out,
  cancelled,
  interrupted,
};
std::string_view to_string(RunState state);
std::optional<RunState> parse_run_state(std::string_view text);
/// Whether a run in this state has ended.
bool is_final(RunState state);

/// A moment on both clocks, so that an age can be told over restarts (boot clock) and reboots (wall clock).
struct Moment {
  WallTime wall{};
  BootTime boot{};
  std::string boot_id{};
};
Moment moment_now(const Clock& clock);
/// Time passed since `then`, never negative. Within one boot: the boot clock's difference, whatever the wall
/// clock did. Over a reboot: the wall clock's difference, at least the uptime.
Duration age(const Moment& then, const Clock& clock);

struct StepRecord {
  int index = 0;
  std::string action{};
  std::string arguments{};  ///< JSON object, as expanded
  /// "" while running; succeeded, failed, timed_out, cancelled, left_alone, interrupted, planned (dry-run).
  std::string outcome{};
  std::string detail{};  ///< summary, or the error chain
  Moment started{};
  Duration took{};
  std::uint64_t freed_bytes = 0;
  std::uint64_t removed_objects = 0;
};

struct RunRecord {
  std::string id{};  ///< sorts by start: made by Ledger::begin
  std::string remedy{};
  std::string target{};
  std::string trigger{};       ///< alert, schedule, manual, reset
  std::string requested_by{};  ///< user name or uid: for manual; for approval, once somebody has approved
  std::string mode{};          ///< automatic, dry-run, approval
  std::string alertname{};
  std::uint64_t alert_fingerprint = 0;
  Labels alert_labels{};
  RunState state = RunState::planned;
  std::string reason{};  ///< why suppressed, or what failed
  Moment started{};
  std::optional<Moment> finished{};
  std::uint64_t freed_bytes = 0;
  std::uint64_t removed_objects = 0;
  std::vector<StepRecord> steps{};
};

/// RunRecord::mode of a run that only says what it would do.
inline constexpr std::string_view kDryRunMode = "dry-run";

/// Whether the run was planned for a person to approve, and nobody has decided yet.
bool waits_for_approval(const RunRecord& run);

struct HistoryFilter {
  std::string remedy{}, target{}, state{};  ///< "" any
  std::optional<WallTime> since{};
  std::size_t limit = 50;
  bool suppressed = true;              ///< include suppressed rows
  std::vector<std::string> routine{};  ///< remedies whose runs that succeeded are left out
  bool steps = true;                   ///< with their steps
};

/// The id of a run that begins at `now`: 20261121T001453-4f2a, UTC. Two hexadecimal digits count the runs of
/// that second, two are `random`. Sorts after `last`, the id given before, unless the wall clock was set back
/// by more than an hour.
std::string next_run_id(WallTime now, std::string_view last, std::uint8_t random);

/// The durable record of runs: SQLite in WAL mode at STATE_DIR/ledger.db, written by one thread of its own.
/// Every write is on disk (synchronous=FULL) when its call returns ok. Each call waits at most `deadline`;
/// after that it returns timed_out, and what was asked for may still happen later. Thread-safe. Space for
/// further writes is reserved when opening, so that a run on a disk without a free byte or inode is recorded;
/// when the reserve is used up begin() is refused with ErrorCode::exhausted.
class Ledger {
 public:
  struct Options {
    std::string directory{};
    std::size_t reserve = 4u << 20;
    Duration deadline = std::chrono::seconds(2);
    std::size_t keep_runs = 10'000;  ///< oldest ended runs beyond are deleted
  };
  /// Opens or creates. A damaged file is moved aside as ledger.db.damaged-TIME, said in the log, and a fresh
  /// one made (runs recorded from then on only).
  static Result<std::unique_ptr<Ledger>> open(const Options& options, const Clock& clock, EventLog& log);
  /// Read-only, for the command line, also beside a running agent.
  static Result<std::unique_ptr<Ledger>> open_read_only(const std::string& directory, const Clock& clock,
                                                        EventLog& log);
  virtual ~Ledger() = default;

  /// Whether what a run had begun may go on without the agent. On the ledger's thread; reads the record only.
  using MayGoOn = std::function<bool(const RunRecord&)>;
  /// Marks every unfinished run and step interrupted, apart from runs that may go on; returns them all. Once,
  /// right after open().
  virtual Result<std::vector<RunRecord>> recover(const MayGoOn& may_go_on) = 0;
  /// Whether open() found a damaged file and began a fresh one: nobody knows what was paused or had just run.
  virtual Result<bool> lost_records() { return false; }

  /// Records the intent of a run (state running, or suppressed for one that will not act, or planned for one
  /// that waits for approval) and returns its id.
  virtual Result<std::string> begin(RunRecord run) = 0;
  /// The intent of a run that waited for approval and begins now: state running, its start, who approved.
  /// not_found when it does not wait any more.
  virtual Status begin_approved(const RunRecord& run) = 0;
  virtual Status begin_step(std::string_view run, const StepRecord& step) = 0;
  /// This and the next two are outcomes: one that finds the file locked or the disk full is an error to the
  /// caller, and is written as soon as that is over. Until then no run begins.
  virtual Status end_step(std::string_view run, const StepRecord& step) = 0;
  virtual Status set_state(std::string_view run, RunState state, std::string_view reason) = 0;
  /// Final state with totals.
  virtual Status finish(std::string_view run, RunState state, std::string_view reason,
                        std::uint64_t freed_bytes, std::uint64_t removed_objects) = 0;

  virtual Result<std::vector<RunRecord>> history(
      const HistoryFilter& filter) = 0;  ///< newest first, with steps
  virtual Result<std::optional<RunRecord>> run(std::string_view id) = 0;

  /// Small durable facts beside the runs: pauses, alert progress. An empty value deletes.
  virtual Status put(std::string_view key, std::string_view value) = 0;
  virtual Result<std::string> get(std::string_view key) = 0;

  /// Whether a run could be recorded now, without writing.
  virtual Status writable() = 0;
};

}  // namespace chiron::remediation
