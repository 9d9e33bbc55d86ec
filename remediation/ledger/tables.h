#pragma once

#include "exporter/base/result.h"
#include "remediation/ledger/database.h"
#include "remediation/ledger/ledger.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

/// Makes the tables in an empty database. Refuses one that a newer Chiron wrote.
Status prepare_schema(Database& database);
/// Whether the database's pages hang together; corrupt when not.
Status verify_pages(Database& database);

/// Statements over the tables. Each is one statement; transactions are the caller's.
Status insert_run(Database& database, const RunRecord& run);
Status insert_step(Database& database, std::string_view run, const StepRecord& step);
/// not_found when there is no such row.
Status update_step(Database& database, std::string_view run, const StepRecord& step);
Status update_state(Database& database, std::string_view run, RunState state, std::string_view reason);
struct RunEnd {
  RunState state;
  std::string reason;
  Moment finished;
  std::uint64_t freed_bytes = 0;
  std::uint64_t removed_objects = 0;
};
Status update_end(Database& database, std::string_view run, const RunEnd& end);
/// Of a run that waits for approval only.
Status update_approved(Database& database, const RunRecord& run);
/// Marks unfinished runs and steps interrupted; returns them as they are then.
Result<std::vector<RunRecord>> interrupt_all(Database& database, const Moment& now,
                                             const Ledger::MayGoOn& may_go_on);
Result<std::vector<RunRecord>> select_runs(Database& database, const HistoryFilter& filter);
Result<std::optional<RunRecord>> select_run(Database& database, std::string_view id);
Result<std::string> newest_id(Database& database);
/// Deletes the oldest ended runs beyond `keep`; those that acted and those that did not are counted apart, so
/// that a noisy alert does not push real runs out.
Status prune(Database& database, std::size_t keep);

Status put_fact(Database& database, std::string_view key, std::string_view value);
Result<std::string> get_fact(Database& database, std::string_view key);

}  // namespace chiron::remediation
