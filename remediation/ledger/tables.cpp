#include "remediation/ledger/tables.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
// "Ch" and the version: what the header says twice, one flipped byte cannot turn into another version.
constexpr std::int64_t kApplication = 0x43680000;

// Ids are for people and sort by start; `seq` is the order in which runs began, whatever the clocks did.
// A moment is three columns: wall clock in ms, boot clock in ns, boot id. Unsigned numbers keep their 64
// bits.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE runs(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  remedy TEXT NOT NULL, target TEXT NOT NULL, "trigger" TEXT NOT NULL, requested_by TEXT NOT NULL, mode TEXT NOT NULL,
  alertname TEXT NOT NULL, alert_fingerprint INTEGER NOT NULL, alert_labels TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL,
  started_ms INTEGER NOT NULL, started_boot_ns INTEGER NOT NULL, started_boot_id TEXT NOT NULL,
  finished_ms INTEGER, finished_boot_ns INTEGER, finished_boot_id TEXT,
  freed_bytes INTEGER NOT NULL, removed_objects INTEGER NOT NULL);
CREATE INDEX runs_by_state ON runs(state);
CREATE TABLE steps(
  run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  action TEXT NOT NULL, arguments TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
  started_ms INTEGER NOT NULL, started_boot_ns INTEGER NOT NULL, started_boot_id TEXT NOT NULL,
  took_ns INTEGER NOT NULL, freed_bytes INTEGER NOT NULL, removed_objects INTEGER NOT NULL,
  PRIMARY KEY(run, step)) WITHOUT ROWID;
CREATE TABLE facts(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)sql";

constexpr std::string_view kRunColumns =
    "id, remedy, target, \"trigger\", requested_by, mode, alertname, alert_fingerprint, alert_labels, state, "
    "reason, "
    "started_ms, started_boot_ns, started_boot_id, finished_ms, finished_boot_ns, finished_boot_id, "
    "freed_bytes, "
    "removed_objects";
constexpr std::size_t kRunColumnCount = 19;
constexpr std::string_view kStepColumns =
    "step, action, arguments, outcome, detail, started_ms, started_boot_ns, started_boot_id, took_ns, "
    "freed_bytes, "
    "removed_objects";
constexpr std::size_t kStepColumnCount = 11;

std::int64_t signed_bits(std::uint64_t value) { return static_cast<std::int64_t>(value); }
std::uint64_t unsigned_bits(const SqlValue& value) { return static_cast<std::uint64_t>(as_int(value)); }
std::int64_t boot_ns(const Moment& moment) { return moment.boot.time_since_epoch().count(); }
std::string text(std::string_view view) { return std::string(view); }

std::string labels_to_json(const Labels& labels) {
  nlohmann::json json = nlohmann::json::object();
  for (const Label& label : labels) json[label.name] = label.value;
  // Label values come from the kernel and from strangers: what is no UTF-8 is replaced, never thrown over.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Labels labels_from_json(const std::string& source) {
  const nlohmann::json json = nlohmann::json::parse(source, nullptr, false);
  std::vector<Label> labels;
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      if (const auto* string = value.get_ptr<const std::string*>()) labels.push_back({name, *string});
    }
  }
  return Labels(std::move(labels));
}

Moment read_moment(const SqlRow& row, std::size_t at) {
  return {from_ms(as_int(row[at])), BootTime(Duration(as_int(row[at + 1]))), as_text(row[at + 2])};
}

StepRecord read_step(const SqlRow& row) {
  StepRecord step;
  step.index = static_cast<int>(as_int(row[0]));
  step.action = as_text(row[1]);
  step.arguments = as_text(row[2]);
  step.outcome = as_text(row[3]);
  step.detail = as_text(row[4]);
  step.started = read_moment(row, 5);
  step.took = Duration(as_int(row[8]));
  step.freed_bytes = unsigned_bits(row[9]);
  step.removed_objects = unsigned_bits(row[10]);
  return step;
}

RunRecord read_run(const SqlRow& row) {
  RunRecord run;
  run.id = as_text(row[0]);
  run.remedy = as_text(row[1]);
  run.target = as_text(row[2]);
  run.trigger = as_text(row[3]);
  run.requested_by = as_text(row[4]);
  run.mode = as_text(row[5]);
  run.alertname = as_text(row[6]);
  run.alert_fingerprint = unsigned_bits(row[7]);
  run.alert_labels = labels_from_json(as_text(row[8]));
  const std::optional<RunState> state = parse_run_state(as_text(row[9]));
  // A damaged row must not hide the others. It may have acted, so it counts as if it had.
  run.state = state.value_or(RunState::interrupted);
  run.reason = state ? as_text(row[10]) : fmt::format("the ledger has '{}' for its state", as_text(row[9]));
  run.started = read_moment(row, 11);
  if (!std::holds_alternative<std::monostate>(row[14])) run.finished = read_moment(row, 14);
  run.freed_bytes = unsigned_bits(row[17]);
  run.removed_objects = unsigned_bits(row[18]);
  return run;
}

Status read_steps(Database& database, RunRecord& run) {
  static const std::string kSql = fmt::format("SELECT {} FROM steps WHERE run=? ORDER BY step", kStepColumns);
  Result<std::vector<SqlRow>> rows = database.query(kSql, {run.id});
  if (!rows) return std::move(rows).error();
  for (const SqlRow& row : *rows) {
    if (row.size() == kStepColumnCount) run.steps.push_back(read_step(row));
  }
  return {};
}

Result<std::vector<RunRecord>> read_runs(Database& database, std::string_view where,
                                         const std::vector<SqlValue>& values, bool steps) {
  Result<std::vector<SqlRow>> rows =
      database.query(fmt::format("SELECT {} FROM runs {}", kRunColumns, where), values);
  if (!rows) return std::move(rows).error();
  std::vector<RunRecord> runs;
  for (const SqlRow& row : *rows) {
    if (row.size() != kRunColumnCount) return Error(ErrorCode::corrupt, "runs: a row without its columns");
    RunRecord run = read_run(row);
    if (Status status = steps ? read_steps(database, run) : Status{}; !status)
      return std::move(status).error();
    runs.push_back(std::move(run));
  }
  return runs;
}

Result<std::int64_t> pragma(Database& database, std::string_view name) {
  Result<std::vector<SqlRow>> rows = database.query(fmt::format("PRAGMA {}", name));
  if (!rows) return std::move(rows).error();
  return rows->empty() ? 0 : as_int((*rows)[0][0]);
}

/// Whether the statement before changed a row.
Status expect_change(Database& database, std::string_view run) {
  Result<std::vector<SqlRow>> rows = database.query("SELECT changes()");
  if (!rows) return std::move(rows).error();
  if (!rows->empty() && as_int((*rows)[0][0]) > 0) return {};
  return Error(ErrorCode::not_found, fmt::format("the ledger has no run {}", run));
}

}  // namespace

Status prepare_schema(Database& database) {
  Result<std::int64_t> version = pragma(database, "user_version");
  if (!version) return std::move(version).error();
  if (*version == kSchemaVersion) return {};
  Result<std::int64_t> application = pragma(database, "application_id");
  if (!application) return std::move(application).error();
  if (*application != kApplication + *version && (*application | *version) != 0) {
    return Error(ErrorCode::corrupt,
                 fmt::format("the header names version {} of application {}", *version, *application));
  }
  if (*version != 0) {
    return Error(
        ErrorCode::failed_precondition,
        fmt::format("the ledger has version {}, this program knows {}: run the newer Chiron, or move the "
                    "ledger away to start afresh",
                    *version, kSchemaVersion));
  }
  return database.transaction([&database]() -> Status {
    if (Status made = database.script(std::string(kSchema)); !made) return made;
    return database.script(fmt::format("PRAGMA user_version={}; PRAGMA application_id={}", kSchemaVersion,
                                       kApplication + kSchemaVersion));
  });
}

Status verify_pages(Database& database) {
  Result<std::vector<SqlRow>> rows = database.query("PRAGMA quick_check(1)");
  if (!rows) return std::move(rows).error();
  const std::string answer = rows->empty() ? "no answer" : as_text((*rows)[0][0]);
  if (answer == "ok") return {};
  return Error(ErrorCode::corrupt, answer);
}

Status insert_run(Database& database, const RunRecord& run) {
  static const std::string kSql =
      fmt::format("INSERT INTO runs({}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", kRunColumns);
  SqlValue finished_ms, finished_boot, finished_boot_id;
  if (run.finished) {
    finished_ms = to_ms(run.finished->wall);
    finished_boot = boot_ns(*run.finished);
    finished_boot_id = run.finished->boot_id;
  }
  return database.run(
      kSql,
      {run.id, run.remedy, run.target, run.trigger, run.requested_by, run.mode, run.alertname,
       signed_bits(run.alert_fingerprint), labels_to_json(run.alert_labels), text(to_string(run.state)),
       run.reason, to_ms(run.started.wall), boot_ns(run.started), run.started.boot_id, finished_ms,
       finished_boot, finished_boot_id, signed_bits(run.freed_bytes), signed_bits(run.removed_objects)});
}

Status insert_step(Database& database, std::string_view run, const StepRecord& step) {
  static const std::string kSql =
      fmt::format("INSERT INTO steps(run, {}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", kStepColumns);
  return database.run(kSql, {text(run), std::int64_t{step.index}, step.action, step.arguments, step.outcome,
                             step.detail, to_ms(step.started.wall), boot_ns(step.started),
                             step.started.boot_id, std::int64_t{step.took.count()},
                             signed_bits(step.freed_bytes), signed_bits(step.removed_objects)});
}

Status update_step(Database& database, std::string_view run, const StepRecord& step) {
  Status status = database.run(
      "UPDATE steps SET outcome=?, detail=?, took_ns=?, freed_bytes=?, removed_objects=? WHERE run=? AND "
      "step=?",
      {step.outcome, step.detail, std::int64_t{step.took.count()}, signed_bits(step.freed_bytes),
       signed_bits(step.removed_objects), text(run), std::int64_t{step.index}});
  return status ? expect_change(database, run) : std::move(status);
}

Status update_state(Database& database, std::string_view run, RunState state, std::string_view reason) {
  Status status = database.run("UPDATE runs SET state=?, reason=? WHERE id=?",
                               {text(to_string(state)), text(reason), text(run)});
  return status ? expect_change(database, run) : std::move(status);
}

Status update_approved(Database& database, const RunRecord& run) {
  Status status = database.run(
      "UPDATE runs SET state='running', reason=?, requested_by=?, started_ms=?, started_boot_ns=?, "
      "started_boot_id=? WHERE id=? AND state='planned' AND finished_ms IS NULL",
      {run.reason, run.requested_by, to_ms(run.started.wall), boot_ns(run.started), run.started.boot_id,
       run.id});
  return status ? expect_change(database, run.id) : std::move(status);
}

Status update_end(Database& database, std::string_view run, const RunEnd& end) {
  Status status = database.run(
      "UPDATE runs SET state=?, reason=?, finished_ms=?, finished_boot_ns=?, finished_boot_id=?, "
      "freed_bytes=?, "
      "removed_objects=? WHERE id=?",
      {text(to_string(end.state)), end.reason, to_ms(end.finished.wall), boot_ns(end.finished),
       end.finished.boot_id, signed_bits(end.freed_bytes), signed_bits(end.removed_objects), text(run)});
  return status ? expect_change(database, run) : std::move(status);
}

Result<std::vector<RunRecord>> interrupt_all(Database& database, const Moment& now,
                                             const Ledger::MayGoOn& may_go_on) {
  Result<std::vector<RunRecord>> open =
      read_runs(database, "WHERE state IN ('running', 'verifying') ORDER BY seq", {}, true);
  if (!open || open->empty()) return open;
  for (RunRecord& run : *open) {
    if (may_go_on && may_go_on(run)) continue;
    run.reason = fmt::format("the agent ended while the run was {}", to_string(run.state));
    run.state = RunState::interrupted;
    run.finished = now;
    for (StepRecord& step : run.steps) {
      if (step.outcome.empty()) step.outcome = "interrupted";
      // What ended steps changed is known, though the run never summed it up.
      run.freed_bytes += step.freed_bytes;
      run.removed_objects += step.removed_objects;
    }
    Status status =
        update_end(database, run.id, {run.state, run.reason, now, run.freed_bytes, run.removed_objects});
    if (!status) return std::move(status).error();
  }
  Status status = database.run(
      "UPDATE steps SET outcome='interrupted' WHERE outcome='' AND run NOT IN "
      "(SELECT id FROM runs WHERE state IN ('running', 'verifying'))");
  if (!status) return std::move(status).error();
  return open;
}

Result<std::vector<RunRecord>> select_runs(Database& database, const HistoryFilter& filter) {
  std::string where = "WHERE 1=1";
  std::vector<SqlValue> values;
  const auto equal = [&](std::string_view column, const std::string& value) {
    if (value.empty()) return;
    where += fmt::format(" AND {}=?", column);
    values.emplace_back(value);
  };
  equal("remedy", filter.remedy);
  equal("target", filter.target);
  equal("state", filter.state);
  if (filter.since) {
    where += " AND started_ms>=?";
    values.emplace_back(std::int64_t{to_ms(*filter.since)});
  }
  if (!filter.suppressed) where += " AND state<>'suppressed'";
  for (const std::string& remedy : filter.routine) {
    where += " AND NOT (remedy=? AND state='succeeded')";
    values.emplace_back(remedy);
  }
  where += " ORDER BY seq DESC LIMIT ?";
  values.emplace_back(static_cast<std::int64_t>(std::min<std::size_t>(filter.limit, 1'000'000)));
  return read_runs(database, where, values, filter.steps);
}

Result<std::optional<RunRecord>> select_run(Database& database, std::string_view id) {
  Result<std::vector<RunRecord>> runs = read_runs(database, "WHERE id=?", {text(id)}, true);
  if (!runs) return std::move(runs).error();
  if (runs->empty()) return std::optional<RunRecord>();
  return std::optional<RunRecord>(std::move(runs->front()));
}

Result<std::string> newest_id(Database& database) {
  Result<std::vector<SqlRow>> rows = database.query("SELECT id FROM runs ORDER BY seq DESC LIMIT 1");
  if (!rows) return std::move(rows).error();
  return rows->empty() ? std::string() : as_text((*rows)[0][0]);
}

Status prune(Database& database, std::size_t keep) {
  const auto limit = static_cast<std::int64_t>(keep);
  Status status = database.run(
      "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE state IN ('suppressed', 'planned') "
      "AND NOT (mode='approval' AND finished_ms IS NULL) ORDER BY seq DESC LIMIT -1 OFFSET ?)",
      {limit});
  if (!status) return status;
  return database.run(
      "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE state NOT IN "
      "('suppressed', 'planned', 'running', 'verifying') ORDER BY seq DESC LIMIT -1 OFFSET ?)",
      {limit});
}

Status put_fact(Database& database, std::string_view key, std::string_view value) {
  if (value.empty()) return database.run("DELETE FROM facts WHERE key=?", {text(key)});
  return database.run(
      "INSERT INTO facts(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
      {text(key), text(value)});
}

Result<std::string> get_fact(Database& database, std::string_view key) {
  Result<std::vector<SqlRow>> rows = database.query("SELECT value FROM facts WHERE key=?", {text(key)});
  if (!rows) return std::move(rows).error();
  return rows->empty() ? std::string() : as_text((*rows)[0][0]);
}

}  // namespace chiron::remediation
