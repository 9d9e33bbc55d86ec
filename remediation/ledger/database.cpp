#include "remediation/ledger/database.h"

#include <errno.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

namespace chiron::remediation {
namespace {

// The database file grows in steps of this size, so that copying the log into it rarely needs the disk's
// allocator.
constexpr int kGrowth = 1 << 20;
// What remains of an overgrown write-ahead log after it was copied.
constexpr int kLogLimit = 4 << 20;

bool is_space(int errnum) { return errnum == ENOSPC || errnum == EDQUOT; }

ErrorCode code_of(int rc, int errnum) {
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::permission_denied;
    case SQLITE_NOMEM:
      return ErrorCode::exhausted;
    case SQLITE_MISUSE:
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_RANGE:
      return ErrorCode::internal;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      // A hole that cannot be filled shows as an input/output error of the shared-memory file.
      if (is_space(errnum)) return ErrorCode::exhausted;
      if (errnum == EACCES || errnum == EPERM || errnum == EROFS) return ErrorCode::permission_denied;
      if (errnum == ENOENT) return ErrorCode::not_found;
      return ErrorCode::unavailable;
    default:
      return ErrorCode::unavailable;
  }
}

Error error_of(sqlite3* db, int rc, std::string_view what) {
  const int errnum = db != nullptr ? sqlite3_system_errno(db) : 0;
  const std::string_view text = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  std::string message = fmt::format("{}: {}", what, text);
  if (errnum != 0 && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)) {
    message += fmt::format(" ({})", std::generic_category().message(errnum));
  }
  return {code_of(rc, errnum), std::move(message)};
}

std::string_view first_words(std::string_view sql) {
  return sql.substr(0, std::min<std::size_t>(sql.find('('), 40));
}

}  // namespace

struct Database::Impl {
  sqlite3* db = nullptr;
  bool read_only = false;
  std::size_t log_pages = 0;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements;

  ~Impl() {
    for (const auto& [sql, statement] : statements) sqlite3_finalize(statement);
    if (db == nullptr) return;
    // With a size limit in force, closing would cut the log to nothing and give its blocks away.
    if (!read_only) sqlite3_exec(db, "PRAGMA journal_size_limit=-1", nullptr, nullptr, nullptr);
    sqlite3_close_v2(db);
  }

  Status check(int rc, std::string_view what) const {
    if (rc == SQLITE_OK) return {};
    return error_of(db, rc, what);
  }

  Result<sqlite3_stmt*> prepare(std::string_view sql) {
    if (const auto found = statements.find(sql); found != statements.end()) return found->second;
    sqlite3_stmt* statement = nullptr;
    const int rc = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
    if (rc != SQLITE_OK) return error_of(db, rc, first_words(sql));
    statements.emplace(std::string(sql), statement);
    return statement;
  }

  template <class Values>
  Status bind(sqlite3_stmt* statement, const Values& values, std::string_view sql) const {
    int index = 0;
    for (const SqlValue& value : values) {
      ++index;
      int rc = SQLITE_OK;
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        rc = sqlite3_bind_int64(statement, index, *number);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        rc = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      } else {
        rc = sqlite3_bind_null(statement, index);
      }
      if (rc != SQLITE_OK) return error_of(db, rc, first_words(sql));
    }
    return {};
  }

  template <class Values>
  Status each(std::string_view sql, const Values& values, const std::function<void(sqlite3_stmt*)>& row) {
    Result<sqlite3_stmt*> statement = prepare(sql);
    if (!statement) return std::move(statement).error();
    Status status = bind(*statement, values, sql);
    while (status.ok()) {
      const int rc = sqlite3_step(*statement);
      if (rc == SQLITE_DONE) break;
      if (rc == SQLITE_ROW) {
        row(*statement);
      } else {
        status = error_of(db, rc, first_words(sql));
      }
    }
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return status;
  }
};

namespace {

SqlRow read_row(sqlite3_stmt* statement) {
  SqlRow row;
  const int columns = sqlite3_column_count(statement);
  row.reserve(static_cast<std::size_t>(columns));
  for (int i = 0; i < columns; ++i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        row.emplace_back(std::int64_t{sqlite3_column_int64(statement, i)});
        break;
      case SQLITE_NULL:
        row.emplace_back(std::monostate{});
        break;
      default: {
        const void* bytes = sqlite3_column_blob(statement, i);
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
        row.emplace_back(bytes != nullptr ? std::string(static_cast<const char*>(bytes), size)
                                          : std::string());
      }
    }
  }
  return row;
}

}  // namespace

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access, Duration busy) {
  auto impl = std::make_unique<Impl>();
  impl->read_only = access == Access::read_only;
  const int flags = (impl->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  if (const int rc = sqlite3_open_v2(path.c_str(), &impl->db, flags, nullptr); rc != SQLITE_OK) {
    return error_of(impl->db, rc, path);
  }
  sqlite3* db = impl->db;
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db,
                       static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(busy).count()));
  int on = 1;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (!impl->read_only) {
    int growth = kGrowth;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_CHUNK_SIZE, &growth);
    sqlite3_wal_hook(
        db,
        [](void* counter, sqlite3*, const char*, int pages) {
          *static_cast<std::size_t*>(counter) = static_cast<std::size_t>(pages);
          return SQLITE_OK;
        },
        &impl->log_pages);
  } else {
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  const bool writes = !impl->read_only;
  std::unique_ptr<Database> database(new Database(std::move(impl)));
  // No memory map: a file that is cut short under it would end the process with SIGBUS.
  Status status = database->script("PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA cache_spill=OFF;");
  if (status && writes) {
    status = database->script(
        fmt::format("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                    "PRAGMA journal_size_limit={};",
                    kLogLimit));
  }
  if (!status) return std::move(status).error().wrap(path);
  if (writes && sqlite3_db_readonly(db, "main") == 1) {
    // Either we may not write it, or its header claims a format of the future
    // (sqlite.org/fileformat2.html, 1.3.3).
    if (::access(path.c_str(), W_OK) != 0) return Error::from_errno(errno, path);
    return Error(ErrorCode::corrupt, path + ": its header forbids writing");
  }
  return database;
}

Status Database::script(const std::string& sql) {
  return impl_->check(sqlite3_exec(impl_->db, sql.c_str(), nullptr, nullptr, nullptr), first_words(sql));
}

Status Database::run(std::string_view sql, SqlValues values) {
  return impl_->each(sql, values, [](sqlite3_stmt*) {});
}

Result<std::vector<SqlRow>> Database::query(std::string_view sql, const std::vector<SqlValue>& values) {
  std::vector<SqlRow> rows;
  Status status =
      impl_->each(sql, values, [&rows](sqlite3_stmt* statement) { rows.push_back(read_row(statement)); });
  if (!status) return std::move(status).error();
  return rows;
}

Status Database::transaction(const std::function<Status()>& body) {
  if (Status begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  Status status = body();
  if (status) status = run("COMMIT");
  // Some errors have rolled back already; then there is nothing to undo.
  if (!status && sqlite3_get_autocommit(impl_->db) == 0) {
    sqlite3_exec(impl_->db, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

std::size_t Database::log_pages() const { return impl_->log_pages; }

Status Database::checkpoint() {
  int pages = 0;
  int copied = 0;
  const int rc = sqlite3_wal_checkpoint_v2(impl_->db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  if (rc == SQLITE_OK && pages == copied) impl_->log_pages = 0;
  return impl_->check(rc, "copying the write-ahead log");
}

std::int64_t as_int(const SqlValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number != nullptr ? *number : 0;
}

std::string as_text(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return {};
}

}  // namespace chiron::remediation
