#include "remediation/engine/approvals.h"

#include "exporter/base/parse.h"
#include "remediation/engine/dispatcher.h"
#include "remediation/engine/target.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::string_view kRejected = "approval: rejected by ";
// Rejections looked back at: an alert that was rejected before so many others is asked for once more.
constexpr std::size_t kRejections = 1000;

bool is_scheduled(const RunRecord& run) { return run.trigger == kScheduleTrigger; }

const RemedySpec* find(const RemedyList& remedies, std::string_view name) {
  const auto found = std::ranges::find(*remedies, name, &RemedySpec::name);
  return found != remedies->end() ? &*found : nullptr;
}

const rules::Alert* find(std::span<const rules::Alert> firing, const RunRecord& run) {
  const auto found = std::ranges::find_if(firing, [&](const rules::Alert& alert) {
    return alert.fingerprint == run.alert_fingerprint && alert.name == run.alertname;
  });
  return found != firing.end() ? &*found : nullptr;
}

}  // namespace

Status Approvals::restore() {
  Result<std::vector<RunRecord>> planned = services_.ledger.history({.state = "planned", .limit = 25'000});
  if (!planned) return std::move(planned).error();
  Result<std::vector<RunRecord>> refused =
      services_.ledger.history({.state = "suppressed", .limit = kRejections, .steps = false});
  if (!refused) return std::move(refused).error();
  {
    const std::lock_guard lock(mutex_);
    for (RunRecord& run : *planned) {
      if (waits_for_approval(run)) waiting_.try_emplace(run.id, Entry{run});
    }
    for (const RunRecord& run : *refused) {
      if (run.reason.starts_with(kRejected) && run.finished) {
        rejected_.try_emplace(key_of(run), run.finished->wall);
      }
    }
  }
  count();
  return {};
}

Result<std::string> Approvals::ask(const RemedySpec& remedy, const std::string& target,
                                   const rules::Alert* alert) {
  RunRecord record = intent_of(remedy.name, target, alert, false);
  if (alert == nullptr) record.trigger = kScheduleTrigger;
  record.mode = to_string(Mode::approval);
  record.state = RunState::planned;
  record.started = moment_now(services_.clock);
  record.reason = fmt::format("waits for approval until {}",
                              clock_time(record.started.wall, remedy.policy.approval_expires));
  Result<std::string> id = services_.ledger.begin(record);
  if (!id) return id;
  if (services_.boundary) services_.boundary("after planned");
  record.id = *id;
  services_.log.warning("run waits for approval",
                        {{"run", record.id},
                         {"remedy", record.remedy},
                         {"alert", record.alertname},
                         {"target", record.target},
                         {"trigger", record.trigger},
                         {"approve", "chiron remedy approve " + record.id},
                         {"expires_in", format_duration(remedy.policy.approval_expires)}});
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(*id, Entry{std::move(record)});
  }
  count();
  return id;
}

bool Approvals::settled(const RemedySpec& remedy, std::string_view target, const rules::Alert& alert) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, entry] : waiting_) {
    if (entry.record.remedy == remedy.name && entry.record.target == target) return true;
  }
  const auto no = rejected_.find(Key{remedy.name, target, alert.fingerprint});
  return no != rejected_.end() && alert.active_at <= no->second;
}

std::optional<Decision> Approvals::why_over(const RunRecord& record, const RemedyList& remedies,
                                            std::span<const rules::Alert> firing) const {
  const auto no = [](std::string why) { return Decision{Suppression::approval, std::move(why)}; };
  const RemedySpec* remedy = find(remedies, record.remedy);
  if (remedy == nullptr) return no("the remedy is not loaded any more");
  if (remedy->policy.mode != Mode::approval) {
    return no(fmt::format("the remedy's mode is {} now", to_string(remedy->policy.mode)));
  }
  if (age(record.started, services_.clock) >= remedy->policy.approval_expires) {
    return Decision{Suppression::expired, fmt::format("nobody approved it within {}",
                                                      format_duration(remedy->policy.approval_expires))};
  }
  if (is_scheduled(record)) {
    if (!remedy->schedule) return no("the remedy has no schedule any more");
  } else if (find(firing, record) == nullptr) {
    return no("the alert has ended");
  }
  return std::nullopt;
}

void Approvals::look(std::span<const rules::Alert> firing) {
  std::vector<RunRecord> records;
  {
    const std::lock_guard lock(mutex_);
    firing_.assign(firing.begin(), firing.end());
    std::erase_if(rejected_, [&](const auto& entry) {
      return std::ranges::none_of(
          firing, [&](const rules::Alert& alert) { return alert.fingerprint == std::get<2>(entry.first); });
    });
    for (const auto& [id, entry] : waiting_) records.push_back(entry.record);
  }
  const RemedyList remedies = services_.remedies();
  for (const RunRecord& record : records) {
    const std::optional<Decision> why = why_over(record, remedies, firing);
    if (!why || !claim(record.id)) continue;
    if (why->reason == Suppression::expired) services_.metrics.suppressed(record.remedy, why->reason);
    [[maybe_unused]] const Status taken =
        take_back(record, fmt::format("{}: {}", to_string(why->reason), why->detail));
    release(record.id, true);
  }
}

/// An outcome: a ledger that cannot write it now writes it later.
Status Approvals::take_back(const RunRecord& record, std::string_view why) {
  Status status = services_.ledger.finish(record.id, RunState::suppressed, why, 0, 0);
  services_.log.info("run not approved", {{"run", record.id},
                                          {"remedy", record.remedy},
                                          {"alert", record.alertname},
                                          {"target", record.target},
                                          {"reason", why}});
  return status;
}

Result<RunRecord> Approvals::claim(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found != waiting_.end()) {
      if (found->second.busy) {
        return Error(ErrorCode::failed_precondition, fmt::format("run {} is being decided already", id));
      }
      found->second.busy = true;
      return found->second.record;
    }
  }
  const Result<std::optional<RunRecord>> known = services_.ledger.run(id);
  if (known && *known) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("run {} does not wait for approval: it is {} ({})", id,
                             to_string((*known)->state), (*known)->reason));
  }
  return Error(ErrorCode::not_found,
               fmt::format("no run {} waits for approval; `chiron status` lists those that do", id));
}

void Approvals::release(std::string_view id, bool done) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    found->second.busy = false;
    if (done) waiting_.erase(found);
  }
  count();
}

/// Nothing for a run that a schedule asked for.
Result<std::optional<rules::Alert>> Approvals::alert_of(const RunRecord& record) const {
  if (is_scheduled(record)) return std::optional<rules::Alert>();
  const std::lock_guard lock(mutex_);
  const rules::Alert* alert = find(firing_, record);
  if (alert == nullptr) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("{} does not fire now; nothing was run", record.alertname));
  }
  if (alert->held) {
    return Error(
        ErrorCode::failed_precondition,
        fmt::format("{} is held: the source of its series is failing; nothing was run", record.alertname));
  }
  return std::optional(*alert);
}

Result<std::string> Approvals::launch(RunRecord record) {
  const auto no = [&record](std::string why) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("run {} is not begun: {}", record.id, std::move(why)));
  };
  const RemedyList remedies = services_.remedies();
  const RemedySpec* remedy = find(remedies, record.remedy);
  if (remedy == nullptr) return no("its remedy is not loaded any more");
  if (age(record.started, services_.clock) >= remedy->policy.approval_expires) {
    return no(is_scheduled(record) ? "its time is over; it asks anew when its schedule is due"
                                   : "its time is over; when the alert still fires, it asks anew");
  }
  const Result<std::optional<rules::Alert>> found = alert_of(record);
  if (!found) return found.error();
  const std::optional<rules::Alert>& alert = *found;
  const Target target = alert ? target_for(*remedy, {.labels = &alert->labels, .value = alert->value})
                              : target_named(*remedy, "");
  if (!target.ok()) return no(target.detail);
  if (target.name != record.target) return no("the remedy's target is now " + target.name);
  if (std::optional<std::string> absent = absence_of(*remedy, services_.paths, services_.container_sockets))
    return no(*std::move(absent));
  Run::Plan plan = run_plan(*remedy, target.name, alert, false);
  // A person has said yes; everything else is asked once more.
  plan.policy = as_asked(remedy->policy);
  const Decision decision = services_.book.decide(remedy->name, target.name, *plan.policy);
  if (decision.reason != Suppression::none) {
    return no(fmt::format("{}: {}", to_string(decision.reason), decision.detail));
  }
  if (alert) {
    const Result<bool> holds = services_.still_holds(*alert);
    if (!holds) return no(holds.error().to_string());
    if (!*holds) return no("what the alert is about does not hold any more");
  }
  record.started = moment_now(services_.clock);
  auto launched = services_.pool.launch(std::move(plan), std::move(record));
  if (auto* refusal = std::get_if<RunPool::Refusal>(&launched)) return std::move(refusal->error);
  return std::get<std::string>(std::move(launched));
}

Result<std::string> Approvals::approve(std::string_view id, std::string_view who) {
  Result<RunRecord> claimed = claim(id);
  if (!claimed) return std::move(claimed).error();
  claimed->requested_by = who;
  claimed->reason = fmt::format("approved by {}", who);
  Result<std::string> launched = launch(*std::move(claimed));
  release(id, launched.ok());
  if (launched) services_.log.info("run approved", {{"run", id}, {"by", who}});
  return launched;
}

Status Approvals::reject(std::string_view id, std::string_view who) {
  Result<RunRecord> claimed = claim(id);
  if (!claimed) return std::move(claimed).error();
  Status taken = take_back(*claimed, std::string(kRejected) + std::string(who));
  {
    const std::lock_guard lock(mutex_);
    rejected_[key_of(*claimed)] = services_.clock.wall();
  }
  release(id, true);
  return taken;
}

std::vector<RunRecord> Approvals::waiting() const {
  const std::lock_guard lock(mutex_);
  std::vector<RunRecord> records;
  for (const auto& [id, entry] : waiting_) records.push_back(entry.record);
  return records;
}

std::optional<std::pair<std::string, Duration>> Approvals::waits(const RemedySpec& remedy,
                                                                 std::string_view target) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, entry] : waiting_) {
    if (entry.record.remedy != remedy.name || entry.record.target != target) continue;
    const Duration waited = age(entry.record.started, services_.clock);
    return std::pair(id, std::max(Duration::zero(), remedy.policy.approval_expires - waited));
  }
  return std::nullopt;
}

void Approvals::count() {
  const std::lock_guard lock(mutex_);
  services_.metrics.set_waiting(waiting_.size());
}

}  // namespace chiron::remediation
