#include "remediation/engine/run_pool.h"

#include "exporter/base/memory.h"

#include <fmt/format.h>
#include <pthread.h>

namespace chiron::remediation {
namespace {

// Of the time a stop may take, what is kept for recording the ends.
constexpr Duration kRecording = std::chrono::milliseconds(300);
// Targets whose last end is remembered; more than could run between two frames.
constexpr std::size_t kMaxEnded = 1000;

}  // namespace

RunPool::RunPool(Options options, Services services) : options_(std::move(options)), services_(services) {}

void RunPool::start(RunExecutor::Services executor) {
  executor.stopping = [this] { return stopping(); };
  executor_ = std::make_unique<RunExecutor>(std::move(executor));
  for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
}

RunPool::~RunPool() {
  stop(Duration::zero());
  join();
}

void RunPool::join() {
  for (std::thread& worker : workers_) {
    if (worker.joinable()) worker.join();
  }
}

std::optional<RunPool::Refusal> RunPool::occupy(const RunRecord& record) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || executor_ == nullptr) {
    return Refusal{Suppression::stopping, Error(ErrorCode::cancelled, "the agent is starting or stopping")};
  }
  if (const auto held = targets_.find(record.target); held != targets_.end()) {
    return Refusal{Suppression::in_progress,
                   Error(ErrorCode::failed_precondition,
                         fmt::format("a run of {} on {} is in progress", held->second, record.target))};
  }
  if (services_.steps.stuck(record.target)) {
    return Refusal{Suppression::in_progress,
                   Error(ErrorCode::failed_precondition,
                         fmt::format("an earlier step on {} hangs and has not returned", record.target))};
  }
  if (targets_.size() >= options_.workers) {
    return Refusal{
        Suppression::in_progress,
        Error(ErrorCode::unavailable, fmt::format("{} runs are in progress already", targets_.size()))};
  }
  targets_.emplace(record.target, record.remedy);
  services_.metrics.set_active(targets_.size());
  return std::nullopt;
}

void RunPool::release(std::string_view target) {
  const std::lock_guard lock(mutex_);
  if (const auto held = targets_.find(target); held != targets_.end()) targets_.erase(held);
  services_.metrics.set_active(targets_.size());
  changed_.notify_all();
}

std::variant<std::string, RunPool::Refusal> RunPool::launch(Run::Plan plan, RunRecord record) {
  if (std::optional<Refusal> refusal = occupy(record)) return *std::move(refusal);
  // Whoever decided did so before the target was held: a run on it may have ended, or a person paused, since.
  if (plan.policy && !plan.dry_run) {
    const Decision now = services_.book.decide(record.remedy, record.target, *plan.policy);
    if (now.reason != Suppression::none) {
      release(record.target);
      return Refusal{now.reason, Error(ErrorCode::failed_precondition,
                                       fmt::format("{}: {}", to_string(now.reason), now.detail))};
    }
  }
  record.state = RunState::running;
  record.started = moment_now(services_.clock);
  // A run that waited for approval has its row.
  Result<std::string> id = record.id;
  if (record.id.empty()) {
    id = services_.ledger.begin(record);
  } else if (Status begun = services_.ledger.begin_approved(record); !begun) {
    id = std::move(begun).error();
  }
  if (!id) {
    release(record.target);
    return Refusal{Suppression::ledger,
                   std::move(id).error().wrap("the run is not begun, it could not be recorded")};
  }
  executor_->boundary("after begin");
  record.id = *id;
  if (!plan.dry_run) {
    services_.book.note_attempt(record.remedy, record.target, record.started, record.trigger == "alert");
    services_.metrics.at_work(record.remedy, record.target, true);
  }
  services_.log.info("run started", {{"run", record.id},
                                     {"remedy", record.remedy},
                                     {"alert", record.alertname},
                                     {"target", record.target},
                                     {"trigger", record.trigger},
                                     {"requested_by", record.requested_by},
                                     {"mode", record.mode}});
  const auto run = std::make_shared<Run>(std::move(plan), std::move(record));
  const std::lock_guard lock(mutex_);
  // A stop that came in between cancels what it finds; this run it did not see.
  if (stopping_) run->request_cancel();
  if (run->plan().policy && services_.book.paused(run->record().remedy)) run->hold();
  runs_.emplace(*id, run);
  waiting_.push_back(run);
  changed_.notify_all();
  return *std::move(id);
}

void RunPool::adopt(RunRecord record, std::vector<StepSpec> on_failure) {
  services_.log.info("run taken up", {{"run", record.id},
                                      {"remedy", record.remedy},
                                      {"target", record.target},
                                      {"step", record.steps.back().index},
                                      {"action", record.steps.back().action}});
  Run::Plan plan;
  plan.resumed = true;
  plan.on_failure = std::move(on_failure);
  plan.cure.target = record.target;
  if (!record.alertname.empty()) {
    plan.cure.alert.emplace();
    plan.cure.alert->name = record.alertname;
    plan.cure.alert->labels = record.alert_labels;
  }
  plan.manual = record.trigger == "manual";
  services_.metrics.at_work(record.remedy, record.target, true);
  const std::lock_guard lock(mutex_);
  targets_.emplace(record.target, record.remedy);
  services_.metrics.set_active(targets_.size());
  const std::string id = record.id;
  const auto run = std::make_shared<Run>(std::move(plan), std::move(record));
  runs_.emplace(id, run);
  waiting_.push_back(run);
  changed_.notify_all();
}

void RunPool::work() {
  ::pthread_setname_np(::pthread_self(), "run");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !waiting_.empty() || (stopping_ && targets_.empty()); });
    if (waiting_.empty()) return;
    const std::shared_ptr<Run> run = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    executor_->carry_out(*run);
    const RunRecord record = run->record();
    lock.lock();
    runs_.erase(record.id);
    if (!run->plan().dry_run) {
      if (ended_.size() >= kMaxEnded) ended_.clear();
      ended_[record.target] = services_.clock.boot();
    }
    lock.unlock();
    if (!run->plan().dry_run) services_.metrics.at_work(record.remedy, record.target, false);
    release(record.target);
    options_.run_ended();
    // It was rare work: what it needed is not needed in the next minutes.
    release_unused_memory();
    lock.lock();
  }
}

std::optional<std::string> RunPool::occupant(std::string_view target) const {
  const std::lock_guard lock(mutex_);
  const auto held = targets_.find(target);
  return held != targets_.end() ? std::optional(held->second) : std::nullopt;
}

bool RunPool::full() const {
  const std::lock_guard lock(mutex_);
  return targets_.size() >= options_.workers;
}

bool RunPool::knows_last_run(std::string_view target, BootTime frame) const {
  const std::lock_guard lock(mutex_);
  const auto ended = ended_.find(target);
  return ended == ended_.end() || frame > ended->second;
}

std::vector<RunRecord> RunPool::active() const {
  std::vector<std::shared_ptr<Run>> runs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, run] : runs_) runs.push_back(run);
  }
  std::vector<RunRecord> records;
  records.reserve(runs.size());
  for (const auto& run : runs) records.push_back(run->record());
  return records;
}

bool RunPool::cancel(std::string_view run_id) {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(run_id);
  if (found == runs_.end()) return false;
  found->second->request_cancel();
  return true;
}

std::vector<std::string> RunPool::hold(std::string_view remedy) {
  std::vector<std::string> held;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, run] : runs_) {
    if (run->plan().dry_run || (!remedy.empty() && run->record().remedy != remedy)) continue;
    run->hold();
    held.push_back(id);
  }
  return held;
}

void RunPool::stop(Duration wait) {
  const BootTime line = services_.clock.boot() + std::max(Duration::zero(), wait - kRecording);
  std::unique_lock lock(mutex_);
  stopping_ = true;
  services_.steps.abandon_at(line);
  for (const auto& [id, run] : runs_) run->request_cancel();
  changed_.notify_all();
  if (!changed_.wait_for(lock, wait, [this] { return targets_.empty(); }) && wait > Duration::zero()) {
    services_.log.error("runs not ended when stopping",
                        {{"runs", static_cast<std::uint64_t>(targets_.size())}});
  }
}

}  // namespace chiron::remediation
