#include "remediation/ledger/database.h"
#include "remediation/ledger/ledger.h"
#include "remediation/ledger/reserve.h"
#include "remediation/ledger/serial.h"
#include "remediation/ledger/tables.h"

#include <filesystem>
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
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
// For opening, which reads the whole file once.
constexpr Duration kOpening = std::chrono::seconds(15);

/// What lives on the ledger's thread: touched by jobs only, which hold it.
struct Core {
  std::string path;
  std::size_t keep_runs = 0;
  std::unique_ptr<Database> database;
  std::unique_ptr<Reserve> reserve;
  std::string last_id;
  std::size_t begun_since_prune = 0;
  std::minstd_rand random{std::random_device{}()};

  std::string log_path() const { return path + "-wal"; }

  Status open_database() {
    // SQLite would make it readable to everybody; the -wal and -shm files take over this mode. An existing
    // file is left to SQLite alone: closing any other descriptor of it would drop the locks of this process
    // (fcntl(2)).
    const int fresh = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fresh >= 0) {
      ::close(fresh);
    } else if (errno != EEXIST) {
      return Error::from_errno(errno, path);
    }
    Result<std::unique_ptr<Database>> opened = Database::open(path, Database::Access::read_write, kBusy);
    if (!opened) return std::move(opened).error();
    if (Status sound = verify_pages(**opened); !sound) return sound;
    if (Status made = prepare_schema(**opened); !made) return made;
    Result<std::string> last = newest_id(**opened);
    if (!last) return std::move(last).error();
    last_id = *std::move(last);
    database = *std::move(opened);
    preallocate(log_path(), kPreallocated);
    return {};
  }

  /// Gives a piece of the reserve to the write-ahead log; false when there is none left.
  bool make_room() {
    if (reserve == nullptr || reserve->release(kSlice) == 0) return false;
    preallocate(log_path(), file_length(log_path()) + kSlice / 2);
    return true;
  }

  /// Runs `body`, and again with a piece of the reserve each time the disk has no room.
  template <class Body>
  Status with_room(const Body& body) {
    while (true) {
      Status status = body();
      if (status || status.error().code() != ErrorCode::exhausted) return status;
      if (!make_room())
        return std::move(status).error().wrap("the ledger's disk is full and its reserve is used up");
    }
  }

  Status write(const std::function<Status()>& body) {
    if (database == nullptr) return Error(ErrorCode::unavailable, fmt::format("{} is closed", path));
    return with_room([&] { return database->transaction(body); });
  }

  /// What need not hold up the caller: copies the log, takes the reserve back when there is room again.
  void tidy() {
    if (database == nullptr || reserve == nullptr) return;
    if (database->log_pages() >= kCheckpointPages) {
      if (Status copied = with_room([&] { return database->checkpoint(); }); copied) {
        preallocate(log_path(), kPreallocated);
      }
    }
    [[maybe_unused]] const Status filled = reserve->fill();
  }

  /// What does not act is told with room that is there anyway: a noisy alert on a full disk must not use up
  /// what real runs need.
  Status may_begin(bool acts) {
    const auto enough = [&] { return acts ? !reserve->low() : reserve->held() == reserve->size(); };
    if (reserve == nullptr || enough()) return {};
    if (Status filled = reserve->fill(); !filled && !enough()) {
      return Error(
          ErrorCode::exhausted,
          fmt::format(
              "no run begins: of the ledger's reserve of {} bytes {} are left, and the disk has no room "
              "for more; free some space on the file system of {}",
              reserve->size(), reserve->held(), path));
    }
    return {};
  }

  Result<std::string> begin(RunRecord run) {
    if (Status may = may_begin(!is_final(run.state)); !may) return std::move(may).error();
    run.id = next_run_id(run.started.wall, last_id, static_cast<std::uint8_t>(random()));
    if (Status status = write([&] { return insert_run(*database, run); }); !status)
      return std::move(status).error();
    last_id = run.id;
    if (++begun_since_prune > keep_runs / 16) {
      begun_since_prune = 0;
      [[maybe_unused]] const Status pruned = write([&] { return prune(*database, keep_runs); });
    }
    return run.id;
  }
};

Status move_aside(const std::string& path, WallTime now, EventLog& log, const Error& why) {
  std::string stamp = to_rfc3339(now);
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const std::string aside = path + ".damaged-" + stamp;
  for (const std::string_view suffix : {"", "-wal", "-shm"}) {
    const std::string from = path + std::string(suffix);
    if (::rename(from.c_str(), (aside + std::string(suffix)).c_str()) != 0 && errno != ENOENT) {
      return Error::from_errno(errno, "moving the damaged " + from + " aside");
    }
  }
  log.error("ledger damaged",
            {{"path", path},
             {"moved_to", aside},
             {"error", why.to_string()},
             {"effect", "earlier runs, and the cooldowns and budgets that follow from them, are forgotten"}});
  return {};
}

class SqliteLedger final : public Ledger {
 public:
  SqliteLedger(std::shared_ptr<Core> core, Duration deadline, bool read_only, const Clock& clock,
               EventLog& log)
      : core_(std::move(core)),
        deadline_(deadline),
        read_only_(read_only),
        clock_(clock),
        log_(log),
        serial_(std::make_unique<Serial>("ledger")) {
    serial_->set_grace(deadline);
  }
  ~SqliteLedger() override {
    const Status closed = serial_->call(
        [core = core_](const Serial::StillWaited&) {
          core->database.reset();
          return Status();
        },
        Serial::Late::keep, deadline_);
    if (!closed) log_.warning("ledger not closed", {{"error", closed.error().to_string()}});
  }

  /// Opens the files on the ledger's own thread, so that a disk that hangs does not hang the start.
  Status start(const std::string& directory, std::size_t reserve) {
    return serial_->call(
        [core = core_, directory, reserve, now = clock_.wall(),
         &log = log_](const Serial::StillWaited&) -> Status {
          std::error_code failed;
          std::filesystem::create_directories(directory, failed);
          if (failed)
            return Error(ErrorCode::unavailable, fmt::format("{}: {}", directory, failed.message()));
          core->reserve = std::make_unique<Reserve>(directory + "/ledger.reserve", reserve);
          return open_files(*core, now, log);
        },
        Serial::Late::drop, std::max(deadline_, kOpening));
  }

  Result<std::vector<RunRecord>> recover() override {
    return value_of<std::vector<RunRecord>>(Serial::Late::keep, [now = moment_now(clock_)](Core& core) {
      Result<std::vector<RunRecord>> runs = std::vector<RunRecord>();
      Status written = core.write([&]() -> Status {
        runs = interrupt_all(*core.database, now);
        return runs ? Status() : Status(runs.error());
      });
      core.tidy();
      return written ? std::move(runs) : Result<std::vector<RunRecord>>(std::move(written).error());
    });
  }

  Result<std::string> begin(RunRecord run) override {
    if (Status may = writing(); !may) return std::move(may).error();
    if (run.started.boot_id.empty()) run.started = moment_now(clock_);
    if (is_final(run.state) && !run.finished) run.finished = run.started;
    const auto id = std::make_shared<std::string>();
    Status status = serial_->call(
        [core = core_, id, record = std::move(run), &log = log_,
         now = clock_.wall()](const Serial::StillWaited& waited) mutable -> Status {
          return begin_now(*core, *id, std::move(record), waited, now, log);
        },
        Serial::Late::drop, deadline_);
    if (!status) return std::move(status).error();
    return std::move(*id);
  }
  Status begin_step(std::string_view run, const StepRecord& step) override {
    return change(Serial::Late::drop,
                  [id = std::string(run), step](Database& db) { return insert_step(db, id, step); });
  }
  Status end_step(std::string_view run, const StepRecord& step) override {
    return change(Serial::Late::keep,
                  [id = std::string(run), step](Database& db) { return update_step(db, id, step); });
  }
  Status set_state(std::string_view run, RunState state, std::string_view reason) override {
    return change(Serial::Late::keep, [id = std::string(run), state, text = std::string(reason)](
                                          Database& db) { return update_state(db, id, state, text); });
  }
  Status finish(std::string_view run, RunState state, std::string_view reason, std::uint64_t freed_bytes,
                std::uint64_t removed_objects) override {
    return change(Serial::Late::keep,
                  [id = std::string(run), end = RunEnd{state, std::string(reason), moment_now(clock_),
                                                       freed_bytes, removed_objects}](Database& db) {
                    return update_end(db, id, end);
                  });
  }

  Result<std::vector<RunRecord>> history(const HistoryFilter& filter) override {
    return value_of<std::vector<RunRecord>>(
        Serial::Late::drop, [filter](Core& core) { return select_runs(*core.database, filter); });
  }
  Result<std::optional<RunRecord>> run(std::string_view id) override {
    return value_of<std::optional<RunRecord>>(
        Serial::Late::drop, [id = std::string(id)](Core& core) { return select_run(*core.database, id); });
  }
  Status put(std::string_view key, std::string_view value) override {
    return change(Serial::Late::keep, [key = std::string(key), value = std::string(value)](Database& db) {
      return put_fact(db, key, value);
    });
  }
  Result<std::string> get(std::string_view key) override {
    return value_of<std::string>(
        Serial::Late::drop, [key = std::string(key)](Core& core) { return get_fact(*core.database, key); });
  }
  Status writable() override {
    if (Status may = writing(); !may) return may;
    return serial_->call([core = core_](const Serial::StillWaited&) { return core->may_begin(true); },
                         Serial::Late::drop, deadline_);
  }

 private:
  static Status open_files(Core& core, WallTime now, EventLog& log) {
    const auto open = [&core] { return core.with_room([&core] { return core.open_database(); }); };
    Status opened = open();
    if (!opened && opened.error().code() == ErrorCode::corrupt) {
      if (Status moved = move_aside(core.path, now, log, opened.error()); !moved) return moved;
      opened = open();
    }
    if (!opened) return opened;
    if (Status filled = core.reserve->fill(); !filled) {
      log.warning("ledger reserve not full", {{"error", filled.error().to_string()},
                                              {"held_bytes", std::uint64_t{core.reserve->held()}},
                                              {"wanted_bytes", std::uint64_t{core.reserve->size()}}});
    }
    return {};
  }

  static Status begin_now(Core& core, std::string& id, RunRecord record, const Serial::StillWaited& waited,
                          WallTime now, EventLog& log) {
    Result<std::string> begun = core.begin(record);
    if (!begun && begun.error().code() == ErrorCode::corrupt) {
      // Damaged while in use. Policy is in memory, so a fresh file loses nothing that decides.
      core.database.reset();
      if (Status moved = move_aside(core.path, now, log, begun.error()); !moved) return moved;
      if (Status opened = open_files(core, now, log); !opened) return opened;
      begun = core.begin(record);
    }
    if (!begun) return std::move(begun).error();
    id = *begun;
    if (!waited()) {
      // The caller was told that the intent is not recorded, so nothing will be run for it.
      const RunEnd end{RunState::interrupted,
                       "recorded too late: the disk did not answer in time; nothing was run", record.started,
                       0, 0};
      return core.write([&] { return update_end(*core.database, id, end); });
    }
    core.tidy();
    return {};
  }

  Status writing() const {
    if (!read_only_) return {};
    return Error(ErrorCode::permission_denied, fmt::format("{} is open for reading only", core_->path));
  }

  Status change(Serial::Late late, std::function<Status(Database&)> statement) {
    if (Status may = writing(); !may) return may;
    return serial_->call(
        [core = core_, statement = std::move(statement)](const Serial::StillWaited&) {
          Status status = core->write([&] { return statement(*core->database); });
          core->tidy();
          return status;
        },
        late, deadline_);
  }

  template <class T, class Function>
  Result<T> value_of(Serial::Late late, Function function) {
    const auto value = std::make_shared<T>();
    Status status = serial_->call(
        [core = core_, value, function = std::move(function)](const Serial::StillWaited&) -> Status {
          if (core->database == nullptr) return Error(ErrorCode::unavailable, core->path + " is closed");
          Result<T> result = function(*core);
          if (!result) return std::move(result).error();
          *value = *std::move(result);
          return {};
        },
        late, deadline_);
    if (!status) return std::move(status).error();
    return std::move(*value);
  }

  const std::shared_ptr<Core> core_;
  const Duration deadline_;
  const bool read_only_;
  const Clock& clock_;
  EventLog& log_;
  std::unique_ptr<Serial> serial_;
};

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(Options options, const Clock& clock, EventLog& log) {
  auto core = std::make_shared<Core>();
  core->path = options.directory + "/ledger.db";
  core->keep_runs = std::max<std::size_t>(1, options.keep_runs);
  auto ledger = std::make_unique<SqliteLedger>(core, options.deadline, false, clock, log);
  if (Status opened = ledger->start(options.directory, options.reserve); !opened) {
    return std::move(opened).error().wrap("opening the ledger");
  }
  return std::unique_ptr<Ledger>(std::move(ledger));
}

Result<std::unique_ptr<Ledger>> Ledger::open_read_only(const std::string& directory, const Clock& clock,
                                                       EventLog& log) {
  auto core = std::make_shared<Core>();
  core->path = directory + "/ledger.db";
  if (::access(core->path.c_str(), F_OK) != 0) {
    const int why = errno;
    Error error = Error::from_errno(why, core->path);
    if (why != ENOENT) return std::move(error).wrap("the ledger cannot be read; run as root or in group chiron");
    return std::move(error).wrap("there is no ledger yet; has an agent run with this state directory?");
  }
  Result<std::unique_ptr<Database>> opened = Database::open(core->path, Database::Access::read_only, kBusy);
  if (!opened) return std::move(opened).error().wrap("opening the ledger for reading");
  if (Status known = prepare_schema(**opened); !known) return std::move(known).error();
  core->database = *std::move(opened);
  return std::unique_ptr<Ledger>(
      std::make_unique<SqliteLedger>(std::move(core), std::chrono::seconds(2), true, clock, log));
}

}  // namespace chiron::remediation
