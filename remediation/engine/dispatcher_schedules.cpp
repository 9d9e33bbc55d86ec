#include "remediation/engine/dispatcher.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

// What a remedy in dry-run would do is told at most so often, however often it is due.
constexpr Duration kRehearsalsApart = std::chrono::minutes(55);

}  // namespace

void Dispatcher::look_at_schedules(const std::vector<RemedySpec>& remedies) {
  for (const Scheduler::Due& due : services_.schedules.due(remedies)) look(remedies[due.remedy], due.turn);
}

/// Whether the turn is used up and may be acted on. Not on disk it would come again after a crash.
bool Dispatcher::take(const RemedySpec& remedy, const Turn& turn) {
  const Status taken = services_.schedules.take(remedy, turn);
  if (taken) {
    not_taken_.erase(remedy.name);
  } else if (not_taken_.insert(remedy.name).second) {
    record_suppressed(remedy, {}, nullptr, {Suppression::ledger, taken.error().to_string(), std::nullopt});
  }
  return taken.ok();
}

/// Why the remedy does not act on this turn, apart from a dry-run and from asking a person.
std::optional<Decision> Dispatcher::hindrance(const RemedySpec& remedy, const Turn& turn,
                                              const Target& target) {
  if (std::optional<std::string> absent = absence_of(remedy, services_.paths, services_.container_sockets))
    return Decision{Suppression::absent, *std::move(absent), std::nullopt};
  absent_.erase(remedy.name);
  if (turn.kind == Turn::Kind::missed) {
    return Decision{Suppression::missed,
                    fmt::format("its time {} passed while the agent was down, the host slept or the clock "
                                "jumped; catch_up: true makes up for it",
                                to_rfc3339(turn.at)),
                    std::nullopt};
  }
  if (!target.ok()) return Decision{target.reason, target.detail, std::nullopt};
  if (services_.pool.occupant(target.name)) {
    return Decision{Suppression::in_progress, "its run before is still in progress", std::nullopt};
  }
  Decision decision = services_.book.decide(remedy.name, target.name, remedy.policy);
  if (decision.reason == Suppression::none || decision.reason == Suppression::dry_run ||
      decision.reason == Suppression::approval) {
    return std::nullopt;
  }
  return decision;
}

/// One run waits at a time: a turn that comes while one does is covered by it.
void Dispatcher::ask_for_turn(const RemedySpec& remedy, const std::string& target) {
  services_.metrics.suppressed(remedy.name, Suppression::approval);
  if (services_.approvals.waits(remedy, target)) return;
  if (const Result<std::string> asked = services_.approvals.ask(remedy, target, nullptr); !asked) {
    record_suppressed(remedy, target, nullptr,
                      {Suppression::ledger, asked.error().to_string(), std::nullopt});
  }
}

bool Dispatcher::rehearsed_lately(const RemedySpec& remedy, const std::string& target) {
  PolicySpec policy = remedy.policy;
  policy.mode = Mode::dry_run;
  policy.cooldown = kRehearsalsApart;
  return rehearsals_.decide(remedy.name, target, policy).reason == Suppression::cooldown;
}

void Dispatcher::look(const RemedySpec& remedy, const Turn& turn) {
  if (services_.pool.stopping()) return;
  const Target target = target_named(remedy, "");
  // Another's run on the target, or none of the workers free: it waits, until its time is missed.
  const std::optional<std::string> occupant = services_.pool.occupant(target.name);
  const bool waits = turn.kind == Turn::Kind::run && target.ok() &&
                     ((occupant && *occupant != remedy.name) || services_.pool.full());
  if (waits || !take(remedy, turn)) return;
  if (const std::optional<Decision> why = hindrance(remedy, turn, target)) {
    const bool told = why->reason == Suppression::absent && !absent_.insert(remedy.name).second;
    if (!told) record_suppressed(remedy, target.name, nullptr, *why);
    return;
  }
  const Mode mode = services_.book.mode_of(remedy.name, remedy.policy);
  if (mode == Mode::approval) return ask_for_turn(remedy, target.name);
  const bool dry_run = mode == Mode::dry_run;
  if (dry_run) {
    services_.metrics.suppressed(remedy.name, Suppression::dry_run);
    if (rehearsed_lately(remedy, target.name)) return;
  }
  RunRecord record = intent_of(remedy.name, target.name, nullptr, dry_run);
  record.trigger = kScheduleTrigger;
  auto launched =
      services_.pool.launch(run_plan(remedy, target.name, std::nullopt, dry_run), std::move(record));
  if (const auto* refusal = std::get_if<RunPool::Refusal>(&launched)) {
    record_suppressed(remedy, target.name, nullptr,
                      {refusal->reason, refusal->error.to_string(), std::nullopt});
  } else if (dry_run) {
    rehearsals_.note_attempt(remedy.name, target.name, moment_now(services_.clock));
  }
}

}  // namespace chiron::remediation
