#include "remediation/ledger/ledger_core.h"

#include "remediation/ledger/tables.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

// The write-ahead log is copied into the database when it has this many pages (of 4 KiB), and owns blocks for
// twice as many: in the normal course no write needs a block that it does not have.
constexpr std::size_t kCheckpointPages = 128;
constexpr std::size_t kPreallocated = 2 * kCheckpointPages * 4096;
// What the reserve gives up at a time.
constexpr std::size_t kSlice = 128 << 10;
constexpr Duration kBusy = std::chrono::seconds(1);

constexpr std::string_view kTooLate = "recorded too late: the disk did not answer in time; nothing was run";

/// SQLite, told not to follow a link at the end of a path, refuses one with a link anywhere in it.
std::string resolved(const std::string& directory) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(directory, failed);
  return failed ? directory : real.string();
}

}  // namespace

Status LedgerCore::open(const std::string& directory, std::size_t reserve, WallTime now, EventLog& log) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return Error(ErrorCode::unavailable, fmt::format("{}: {}", directory, failed.message()));
  const std::string real = resolved(directory);
  path_ = real + "/ledger.db";
  reserve_ = std::make_unique<Reserve>(real + "/ledger.reserve", reserve);
  return open_files(now, log);
}

Status LedgerCore::open_read_only(const std::string& directory) {
  path_ = resolved(directory) + "/ledger.db";
  if (::access(path_.c_str(), F_OK) != 0) {
    const int why = errno;
    Error error = Error::from_errno(why, path_);
    if (why != ENOENT)
      return std::move(error).wrap("the ledger cannot be read; run as root or in group chiron");
    return std::move(error).wrap("there is no ledger yet; has an agent run with this state directory?");
  }
  Result<std::unique_ptr<Database>> opened = Database::open(path_, Database::Access::read_only, kBusy);
  if (!opened) return std::move(opened).error().wrap("opening the ledger for reading");
  if (Status known = prepare_schema(**opened); !known) return known;
  database_ = *std::move(opened);
  return {};
}

Status LedgerCore::open_files(WallTime now, EventLog& log) {
  const auto open = [this] { return with_room([this] { return open_database(); }); };
  Status opened = open();
  if (!opened && opened.error().code() == ErrorCode::corrupt) {
    if (Status moved = move_aside(now, log, opened.error()); !moved) return moved;
    opened = open();
  }
  if (!opened) return opened;
  if (Status filled = reserve_->fill(); !filled) {
    log.warning("ledger reserve not full", {{"error", filled.error().to_string()},
                                            {"held_bytes", std::uint64_t{reserve_->held()}},
                                            {"wanted_bytes", std::uint64_t{reserve_->size()}}});
  }
  return {};
}

Status LedgerCore::open_database() {
  // SQLite would make it readable to everybody; the -wal and -shm files take over this mode. An existing
  // file is left to SQLite alone: closing any other descriptor of it would drop the locks of this process
  // (fcntl(2)).
  const int fresh = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fresh >= 0) {
    ::close(fresh);
  } else if (errno != EEXIST) {
    return Error::from_errno(errno, path_);
  }
  Result<std::unique_ptr<Database>> opened = Database::open(path_, Database::Access::read_write, kBusy);
  if (!opened) return std::move(opened).error();
  if (Status sound = verify_pages(**opened); !sound) return sound;
  if (Status made = prepare_schema(**opened); !made) return made;
  Result<std::string> last = newest_id(**opened);
  if (!last) return std::move(last).error();
  last_id_ = *std::move(last);
  database_ = *std::move(opened);
  preallocate(log_path(), kPreallocated);
  return {};
}

Status LedgerCore::move_aside(WallTime now, EventLog& log, const Error& why) {
  std::string stamp = to_rfc3339(now);
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const std::string aside = path_ + ".damaged-" + stamp;
  for (const std::string_view suffix : {"", "-wal", "-shm"}) {
    const std::string from = path_ + std::string(suffix);
    if (::rename(from.c_str(), (aside + std::string(suffix)).c_str()) != 0 && errno != ENOENT) {
      return Error::from_errno(errno, "moving the damaged " + from + " aside");
    }
  }
  lost_records_ = true;
  log.error("ledger damaged", {{"path", path_},
                               {"moved_to", aside},
                               {"error", why.to_string()},
                               {"effect", "earlier runs and what followed from them are forgotten"}});
  return {};
}

/// Damaged while in use: what decides is in memory, so a fresh file loses nothing but history.
Status LedgerCore::start_afresh(WallTime now, EventLog& log, const Error& why) {
  database_.reset();
  if (Status moved = move_aside(now, log, why); !moved) return moved;
  if (Status opened = open_files(now, log); !opened) return opened;
  return write([this](Database& database) {
    Status status;
    for (const auto& [key, value] : facts_) {
      if (status) status = put_fact(database, key, value);
    }
    return status;
  });
}

/// Gives a piece of the reserve to the write-ahead log; false when there is none left.
bool LedgerCore::make_room() {
  if (reserve_ == nullptr || reserve_->release(kSlice) == 0) return false;
  preallocate(log_path(), file_length(log_path()) + kSlice / 2);
  return true;
}

/// Runs `body`, and again with a piece of the reserve each time the disk has no room.
Status LedgerCore::with_room(const std::function<Status()>& body) {
  while (true) {
    Status status = body();
    if (status || status.error().code() != ErrorCode::exhausted) return status;
    if (!make_room())
      return std::move(status).error().wrap("the ledger's disk is full and its reserve is used up");
  }
}

Status LedgerCore::write(const Statement& statement) {
  if (database_ == nullptr) return Error(ErrorCode::unavailable, fmt::format("{} is closed", path_));
  return with_room([&] { return database_->transaction([&] { return statement(*database_); }); });
}

Status LedgerCore::write_outcome(Statement statement) {
  owed_.push_back(std::move(statement));
  return settle();
}

Status LedgerCore::settle() {
  Status status;
  while (!owed_.empty()) {
    status = write(owed_.front());
    const bool later = !status && (status.error().code() == ErrorCode::unavailable ||
                                   status.error().code() == ErrorCode::exhausted);
    if (later) return std::move(status).error().wrap("not recorded yet");
    owed_.pop_front();
  }
  return status;
}

void LedgerCore::tidy() {
  if (database_ == nullptr || reserve_ == nullptr) return;
  if (database_->log_pages() >= kCheckpointPages) {
    if (Status copied = with_room([this] { return database_->checkpoint(); }); copied) {
      preallocate(log_path(), kPreallocated);
    }
  }
  [[maybe_unused]] const Status filled = reserve_->fill();
}

/// What does not act is told with room that is there anyway: a noisy alert on a full disk must not use up
/// what real runs need.
Status LedgerCore::may_begin(bool acts) {
  const auto enough = [&] { return acts ? !reserve_->low() : reserve_->held() == reserve_->size(); };
  if (reserve_ == nullptr || enough()) return {};
  if (Status filled = reserve_->fill(); !filled && !enough()) {
    return Error(
        ErrorCode::exhausted,
        fmt::format(
            "no run begins: of the ledger's reserve of {} bytes {} are left, and the disk has no room "
            "for more; free some space on the file system of {}",
            reserve_->size(), reserve_->held(), path_));
  }
  return {};
}

Result<std::string> LedgerCore::insert(RunRecord run) {
  // The reserve is for the ends of what has begun: first those.
  if (Status settled = settle(); !settled && !owed_.empty()) return std::move(settled).error();
  const bool acts = !is_final(run.state) && run.mode != kDryRunMode;
  if (Status may = may_begin(acts || waits_for_approval(run)); !may) return std::move(may).error();
  run.id = next_run_id(run.started.wall, last_id_, static_cast<std::uint8_t>(random_()));
  if (Status status = write([&run](Database& database) { return insert_run(database, run); }); !status)
    return std::move(status).error();
  last_id_ = run.id;
  if (++begun_since_prune_ > keep_runs_ / 16) {
    begun_since_prune_ = 0;
    [[maybe_unused]] const Status pruned =
        write([this](Database& database) { return prune(database, keep_runs_); });
  }
  return run.id;
}

Result<std::string> LedgerCore::begin(const RunRecord& run, const Serial::StillWaited& waited, WallTime now,
                                      EventLog& log) {
  Result<std::string> id = insert(run);
  if (!id && id.error().code() == ErrorCode::corrupt) {
    if (Status afresh = start_afresh(now, log, id.error()); !afresh) return std::move(afresh).error();
    id = insert(run);
  }
  if (id && !waited()) {
    // The caller was told that the intent is not recorded, so nothing will be run for it.
    const RunEnd end{RunState::interrupted, std::string(kTooLate), run.started, 0, 0};
    Status ended =
        write_outcome([id = *id, end](Database& database) { return update_end(database, id, end); });
    if (!ended) return std::move(ended).error();
  }
  if (id) tidy();
  return id;
}

Status LedgerCore::begin_approved(const RunRecord& run, const Serial::StillWaited& waited) {
  if (Status settled = settle(); !settled && !owed_.empty()) return settled;
  if (Status may = may_begin(true); !may) return may;
  Status begun = write([&](Database& database) { return update_approved(database, run); });
  if (begun && !waited()) {
    const RunEnd end{RunState::interrupted, std::string(kTooLate), run.started, 0, 0};
    begun = write_outcome([id = run.id, end](Database& database) { return update_end(database, id, end); });
  }
  tidy();
  return begun;
}

Status LedgerCore::begin_step(const std::string& run, StepRecord step, const Serial::StillWaited& waited) {
  Status begun = write([&](Database& database) { return insert_step(database, run, step); });
  if (begun && !waited()) {
    step.outcome = "interrupted";
    step.detail = kTooLate;
    begun = write_outcome([run, step](Database& database) { return update_step(database, run, step); });
  }
  tidy();
  return begun;
}

Status LedgerCore::put(const std::string& key, const std::string& value) {
  Status status = write([&](Database& database) { return put_fact(database, key, value); });
  if (status) facts_[key] = value;
  return status;
}

Result<std::string> LedgerCore::get(const std::string& key) {
  Result<std::string> value = get_fact(*database_, key);
  if (value) facts_[key] = *value;
  return value;
}

Result<std::vector<RunRecord>> LedgerCore::interrupt_unfinished(const Moment& now,
                                                                const Ledger::MayGoOn& may_go_on) {
  Result<std::vector<RunRecord>> runs = std::vector<RunRecord>();
  Status written = write([&](Database& database) -> Status {
    runs = interrupt_all(database, now, may_go_on);
    return runs ? Status() : Status(runs.error());
  });
  tidy();
  if (!written) return std::move(written).error();
  return runs;
}

}  // namespace chiron::remediation
