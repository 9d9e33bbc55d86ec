#pragma once

#include "exporter/base/event_log.h"
#include "exporter/base/result.h"
#include "remediation/ledger/database.h"
#include "remediation/ledger/ledger.h"
#include "remediation/ledger/reserve.h"
#include "remediation/ledger/serial.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace chiron::remediation {

/// What of the ledger lives on its thread: the database, the reserve, and what is owed to them. Touched by
/// jobs only, which hold it.
class LedgerCore {
 public:
  using Statement = std::function<Status(Database&)>;

  explicit LedgerCore(std::size_t keep_runs) : keep_runs_(keep_runs) {}

  /// Makes the directory and opens what is in it; a damaged file is moved aside.
  Status open(const std::string& directory, std::size_t reserve, WallTime now, EventLog& log);
  Status open_read_only(const std::string& directory);
  void close() { database_.reset(); }

  bool is_open() const { return database_ != nullptr; }
  /// Whether a damaged file was moved aside since open() began.
  bool lost_records() const { return lost_records_; }
  Database& database() { return *database_; }
  const std::string& path() const { return path_; }

  Status may_begin(bool acts);
  /// The id of a run whose intent is on disk. One whose caller has gone meanwhile is marked as not run.
  Result<std::string> begin(const RunRecord& run, const Serial::StillWaited& waited, WallTime now,
                            EventLog& log);
  /// The same for a run that waited for approval.
  Status begin_approved(const RunRecord& run, const Serial::StillWaited& waited);
  Status begin_step(const std::string& run, StepRecord step, const Serial::StillWaited& waited);
  /// Outcomes are facts: one that finds the file locked, or no room at all, is written as soon as that is
  /// over.
  Status write_outcome(Statement statement);
  Status put(const std::string& key, const std::string& value);
  Result<std::string> get(const std::string& key);
  Result<std::vector<RunRecord>> interrupt_unfinished(const Moment& now, const Ledger::MayGoOn& may_go_on);

  /// Writes what is owed: the last one's error, or that of the first which has to wait on.
  Status settle();
  /// What need not hold up the caller: copies the log, takes the reserve back when there is room again.
  void tidy();

 private:
  std::string log_path() const { return path_ + "-wal"; }
  Status open_files(WallTime now, EventLog& log);
  Status open_database();
  Status move_aside(WallTime now, EventLog& log, const Error& why);
  Status start_afresh(WallTime now, EventLog& log, const Error& why);
  Status write(const Statement& statement);
  Status with_room(const std::function<Status()>& body);
  bool make_room();
  Result<std::string> insert(RunRecord run);

  const std::size_t keep_runs_;
  std::string path_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Reserve> reserve_;
  std::string last_id_;
  std::size_t begun_since_prune_ = 0;
  bool lost_records_ = false;
  std::deque<Statement> owed_;                ///< outcomes that could not be written yet, in their order
  std::map<std::string, std::string> facts_;  ///< as far as they went through here, for a file made afresh
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace chiron::remediation
