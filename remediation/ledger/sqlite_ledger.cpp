#include "remediation/ledger/ledger.h"
#include "remediation/ledger/ledger_core.h"
#include "remediation/ledger/serial.h"
#include "remediation/ledger/tables.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

// For opening, which reads the whole file once.
constexpr Duration kOpening = std::chrono::seconds(15);

using StillWaited = Serial::StillWaited;

class SqliteLedger final : public Ledger {
 public:
  SqliteLedger(std::shared_ptr<LedgerCore> core, Duration deadline, bool read_only, const Clock& clock,
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
        [core = core_](const StillWaited&) {
          Status settled = core->settle();
          core->close();
          return settled;
        },
        Serial::Late::keep, deadline_);
    if (!closed) log_.warning("ledger not closed", {{"error", closed.error().to_string()}});
  }

  /// Opens the files on the ledger's own thread, so that a disk that hangs does not hang the start.
  Status start(const std::string& directory, std::size_t reserve) {
    return serial_->call([core = core_, directory, reserve, now = clock_.wall(), &log = log_](
                             const StillWaited&) { return core->open(directory, reserve, now, log); },
                         Serial::Late::drop, std::max(deadline_, kOpening));
  }

  Result<std::vector<RunRecord>> recover(const MayGoOn& may_go_on) override {
    return value_of<std::vector<RunRecord>>(Serial::Late::keep,
                                            [now = moment_now(clock_), may_go_on](LedgerCore& core) {
                                              return core.interrupt_unfinished(now, may_go_on);
                                            });
  }
  Result<bool> lost_records() override {
    return value_of<bool>(Serial::Late::drop,
                          [](LedgerCore& core) { return Result<bool>(core.lost_records()); });
  }

  Result<std::string> begin(RunRecord run) override {
    if (Status may = writing(); !may) return std::move(may).error();
    if (run.started.boot_id.empty()) run.started = moment_now(clock_);
    if (is_final(run.state) && !run.finished && !waits_for_approval(run)) run.finished = run.started;
    const auto id = std::make_shared<std::string>();
    Status status = serial_->call(
        [core = core_, id, record = std::move(run), &log = log_,
         now = clock_.wall()](const StillWaited& waited) -> Status {
          Result<std::string> begun = core->begin(record, waited, now, log);
          if (!begun) return std::move(begun).error();
          *id = *std::move(begun);
          return {};
        },
        Serial::Late::drop, deadline_);
    if (!status) return std::move(status).error();
    return std::move(*id);
  }
  Status begin_approved(const RunRecord& run) override {
    return change(Serial::Late::drop, [run](LedgerCore& core, const StillWaited& waited) {
      return core.begin_approved(run, waited);
    });
  }
  Status begin_step(std::string_view run, const StepRecord& step) override {
    return change(Serial::Late::drop,
                  [id = std::string(run), step](LedgerCore& core, const StillWaited& waited) {
                    return core.begin_step(id, step, waited);
                  });
  }
  Status end_step(std::string_view run, const StepRecord& step) override {
    return outcome([id = std::string(run), step](Database& db) { return update_step(db, id, step); });
  }
  Status set_state(std::string_view run, RunState state, std::string_view reason) override {
    return outcome([id = std::string(run), state, text = std::string(reason)](Database& db) {
      return update_state(db, id, state, text);
    });
  }
  Status finish(std::string_view run, RunState state, std::string_view reason, std::uint64_t freed_bytes,
                std::uint64_t removed_objects) override {
    return outcome([id = std::string(run), end = RunEnd{state, std::string(reason), moment_now(clock_),
                                                        freed_bytes, removed_objects}](Database& db) {
      return update_end(db, id, end);
    });
  }

  Result<std::vector<RunRecord>> history(const HistoryFilter& filter) override {
    return value_of<std::vector<RunRecord>>(
        Serial::Late::drop, [filter](LedgerCore& core) { return select_runs(core.database(), filter); });
  }
  Result<std::optional<RunRecord>> run(std::string_view id) override {
    return value_of<std::optional<RunRecord>>(Serial::Late::drop, [id = std::string(id)](LedgerCore& core) {
      return select_run(core.database(), id);
    });
  }
  Status put(std::string_view key, std::string_view value) override {
    return change(Serial::Late::keep,
                  [key = std::string(key), value = std::string(value)](LedgerCore& core, const StillWaited&) {
                    Status status = core.put(key, value);
                    core.tidy();
                    return status;
                  });
  }
  Result<std::string> get(std::string_view key) override {
    return value_of<std::string>(Serial::Late::drop,
                                 [key = std::string(key)](LedgerCore& core) { return core.get(key); });
  }
  Status writable() override {
    return change(Serial::Late::drop,
                  [](LedgerCore& core, const StillWaited&) { return core.may_begin(true); });
  }

 private:
  Status writing() const {
    if (!read_only_) return {};
    return Error(ErrorCode::permission_denied, fmt::format("{} is open for reading only", core_->path()));
  }

  Status change(Serial::Late late, std::function<Status(LedgerCore&, const StillWaited&)> job) {
    if (Status may = writing(); !may) return may;
    return serial_->call(
        [core = core_, job = std::move(job)](const StillWaited& waited) { return job(*core, waited); }, late,
        deadline_);
  }

  Status outcome(LedgerCore::Statement statement) {
    return change(Serial::Late::keep,
                  [statement = std::move(statement)](LedgerCore& core, const StillWaited&) {
                    Status status = core.write_outcome(statement);
                    core.tidy();
                    return status;
                  });
  }

  template <class T, class Function>
  Result<T> value_of(Serial::Late late, Function function) {
    const auto value = std::make_shared<T>();
    Status status = serial_->call(
        [core = core_, value, function = std::move(function)](const StillWaited&) -> Status {
          if (!core->is_open()) return Error(ErrorCode::unavailable, core->path() + " is closed");
          [[maybe_unused]] const Status settled = core->settle();
          Result<T> result = function(*core);
          if (!result) return std::move(result).error();
          *value = *std::move(result);
          return {};
        },
        late, deadline_);
    if (!status) return std::move(status).error();
    return std::move(*value);
  }

  const std::shared_ptr<LedgerCore> core_;
  const Duration deadline_;
  const bool read_only_;
  const Clock& clock_;
  EventLog& log_;
  std::unique_ptr<Serial> serial_;
};

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const Options& options, const Clock& clock, EventLog& log) {
  auto core = std::make_shared<LedgerCore>(std::max<std::size_t>(1, options.keep_runs));
  auto ledger = std::make_unique<SqliteLedger>(core, options.deadline, false, clock, log);
  if (Status opened = ledger->start(options.directory, options.reserve); !opened) {
    return std::move(opened).error().wrap("opening the ledger");
  }
  return std::unique_ptr<Ledger>(std::move(ledger));
}

Result<std::unique_ptr<Ledger>> Ledger::open_read_only(const std::string& directory, const Clock& clock,
                                                       EventLog& log) {
  auto core = std::make_shared<LedgerCore>(1);
  if (Status opened = core->open_read_only(directory); !opened) return std::move(opened).error();
  return std::unique_ptr<Ledger>(
      std::make_unique<SqliteLedger>(std::move(core), std::chrono::seconds(2), true, clock, log));
}

}  // namespace chiron::remediation
