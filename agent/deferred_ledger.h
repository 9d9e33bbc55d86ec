#pragma once

#include "exporter/base/thread_annotations.h"
#include "remediation/ledger/ledger.h"

#include <memory>

namespace chiron::agent {

/// The ledger of an agent that may come up on a disk without room for one. Until open() has worked nothing
/// can be recorded, so nothing begins, and there is nothing to be read. Thread-safe.
class DeferredLedger final : public remediation::Ledger {
 public:
  DeferredLedger(Options options, const Clock& clock, EventLog& log);

  /// Opens or creates; at once when it is open. Everything but begin() works from then on.
  Status open() CHIRON_EXCLUDES(mutex_);
  /// Runs may begin: what there is in the ledger has been taken up.
  void admit() CHIRON_EXCLUDES(mutex_);
  bool admits() const CHIRON_EXCLUDES(mutex_);

  Result<std::vector<remediation::RunRecord>> recover(const MayGoOn& may_go_on) override;
  Result<bool> lost_records() override;
  Result<std::string> begin(remediation::RunRecord run) override;
  Status begin_approved(const remediation::RunRecord& run) override;
  Status begin_step(std::string_view run, const remediation::StepRecord& step) override;
  Status end_step(std::string_view run, const remediation::StepRecord& step) override;
  Status set_state(std::string_view run, remediation::RunState state, std::string_view reason) override;
  Status finish(std::string_view run, remediation::RunState state, std::string_view reason,
                std::uint64_t freed_bytes, std::uint64_t removed_objects) override;
  Result<std::vector<remediation::RunRecord>> history(const remediation::HistoryFilter& filter) override;
  Result<std::optional<remediation::RunRecord>> run(std::string_view id) override;
  Status put(std::string_view key, std::string_view value) override;
  Result<std::string> get(std::string_view key) override;
  Status writable() override;

 private:
  std::shared_ptr<Ledger> opened() const CHIRON_EXCLUDES(mutex_);
  Error refusal() const CHIRON_EXCLUDES(mutex_);

  const Options options_;
  const Clock& clock_;
  EventLog& log_;
  mutable Mutex mutex_;
  std::shared_ptr<Ledger> ledger_ CHIRON_GUARDED_BY(mutex_);  ///< null until it is open
  bool admits_ CHIRON_GUARDED_BY(mutex_) = false;
  Error why_ CHIRON_GUARDED_BY(mutex_);  ///< open() failed last
};

}  // namespace chiron::agent
