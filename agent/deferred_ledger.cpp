#include "agent/deferred_ledger.h"

namespace chiron::agent {

using remediation::HistoryFilter;
using remediation::Ledger;
using remediation::RunRecord;
using remediation::RunState;
using remediation::StepRecord;

DeferredLedger::DeferredLedger(Options options, const Clock& clock, EventLog& log)
    : options_(std::move(options)),
      clock_(clock),
      log_(log),
      why_(ErrorCode::unavailable, "the ledger is not open yet") {}

std::shared_ptr<Ledger> DeferredLedger::opened() const {
  const MutexLock lock(mutex_);
  return ledger_;
}

Error DeferredLedger::refusal() const {
  const MutexLock lock(mutex_);
  return why_;
}

Status DeferredLedger::open() {
  if (opened() != nullptr) return {};
  auto made = Ledger::open(options_, clock_, log_);
  const MutexLock lock(mutex_);
  if (!made.ok()) {
    why_ = std::move(made).error();
    return why_;
  }
  ledger_ = *std::move(made);
  why_ = Error(ErrorCode::unavailable, "the ledger has just been opened and is being read");
  return {};
}

void DeferredLedger::admit() {
  const MutexLock lock(mutex_);
  admits_ = true;
}

bool DeferredLedger::admits() const {
  const MutexLock lock(mutex_);
  return admits_;
}

Result<std::vector<RunRecord>> DeferredLedger::recover(const MayGoOn& may_go_on) {
  const auto ledger = opened();
  return ledger ? ledger->recover(may_go_on) : std::vector<RunRecord>();
}

Result<bool> DeferredLedger::lost_records() {
  const auto ledger = opened();
  return ledger ? ledger->lost_records() : Result<bool>(false);
}

Result<std::string> DeferredLedger::begin(RunRecord run) {
  const auto ledger = opened();
  return ledger && admits() ? ledger->begin(std::move(run)) : refusal();
}

Status DeferredLedger::begin_approved(const RunRecord& run) {
  const auto ledger = opened();
  return ledger && admits() ? ledger->begin_approved(run) : refusal();
}

Status DeferredLedger::begin_step(std::string_view run, const StepRecord& step) {
  const auto ledger = opened();
  return ledger ? ledger->begin_step(run, step) : refusal();
}

Status DeferredLedger::end_step(std::string_view run, const StepRecord& step) {
  const auto ledger = opened();
  return ledger ? ledger->end_step(run, step) : refusal();
}

Status DeferredLedger::set_state(std::string_view run, RunState state, std::string_view reason) {
  const auto ledger = opened();
  return ledger ? ledger->set_state(run, state, reason) : refusal();
}

Status DeferredLedger::finish(std::string_view run, RunState state, std::string_view reason,
                              std::uint64_t freed_bytes, std::uint64_t removed_objects) {
  const auto ledger = opened();
  return ledger ? ledger->finish(run, state, reason, freed_bytes, removed_objects) : refusal();
}

Result<std::vector<RunRecord>> DeferredLedger::history(const HistoryFilter& filter) {
  const auto ledger = opened();
  return ledger ? ledger->history(filter) : std::vector<RunRecord>();
}

Result<std::optional<RunRecord>> DeferredLedger::run(std::string_view id) {
  const auto ledger = opened();
  return ledger ? ledger->run(id) : std::optional<RunRecord>();
}

Status DeferredLedger::put(std::string_view key, std::string_view value) {
  const auto ledger = opened();
  return ledger ? ledger->put(key, value) : refusal();
}

Result<std::string> DeferredLedger::get(std::string_view key) {
  const auto ledger = opened();
  return ledger ? ledger->get(key) : std::string();
}

Status DeferredLedger::writable() {
  const auto ledger = opened();
  return ledger && admits() ? ledger->writable() : refusal();
}

}  // namespace chiron::agent
