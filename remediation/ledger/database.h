#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chiron::remediation {

using SqlValue = std::variant<std::monostate, std::int64_t, std::string>;
using SqlRow = std::vector<SqlValue>;
using SqlValues = std::initializer_list<SqlValue>;

/// One SQLite connection with its prepared statements: the only place that knows SQLite. One thread at a
/// time. Errors: exhausted when there is no room, corrupt when the file is not a sound database, unavailable
/// when it is locked or the disk fails, permission_denied.
class Database {
 public:
  enum class Access { read_write, read_only };
  /// WAL, synchronous=FULL, nothing in temporary files, and the -wal and -shm files stay when closing: a
  /// later start on a disk without a free inode finds them. `busy` is how long another connection's lock is
  /// waited for.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access, Duration busy);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Several statements without values, for schema and settings.
  Status script(const std::string& sql);
  /// One statement, prepared at first use and kept.
  Status run(std::string_view sql, SqlValues values = {});
  Result<std::vector<SqlRow>> query(std::string_view sql, const std::vector<SqlValue>& values = {});
  /// BEGIN IMMEDIATE, body, COMMIT; rolled back when the body or the commit fails.
  Status transaction(const std::function<Status()>& body);

  /// Pages in the write-ahead log after the last commit.
  std::size_t log_pages() const;
  /// Copies the write-ahead log into the database as far as readers allow, so that the log starts over.
  Status checkpoint();

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

std::int64_t as_int(const SqlValue& value);
std::string as_text(const SqlValue& value);

}  // namespace chiron::remediation
