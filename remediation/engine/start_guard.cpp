#include "remediation/engine/start_guard.h"

#include "remediation/actions/action.h"

#include <algorithm>

namespace chiron::remediation {
namespace {

constexpr std::string_view kStartsKey = "starts";
// More than could begin in the time that is looked back at.
constexpr std::size_t kRunsBeforeStart = 200;

}  // namespace

bool only_looked(const RunRecord& run) {
  if (run.mode == kDryRunMode) return true;
  return !run.steps.empty() && std::ranges::all_of(run.steps, [](const StepRecord& step) {
    const ActionInfo* action = find_action(step.action);
    return action != nullptr && action->only_reads;
  });
}

void StartGuard::begin(bool interrupted) {
  Result<std::string> saved = services_.ledger.get(kStartsKey);
  Result<std::vector<RunRecord>> runs =
      services_.ledger.history({.limit = kRunsBeforeStart, .suppressed = false});
  // A health check every few minutes would be near every start.
  if (runs) std::erase_if(*runs, only_looked);
  const std::lock_guard lock(mutex_);
  Result<Starts> known = saved ? Starts::parse(*saved) : Result<Starts>(std::move(saved).error());
  if (!known) services_.log.warning("earlier starts not known", {{"error", known.error().to_string()}});
  starts_ = known ? *std::move(known) : Starts();
  starts_->begin(services_.clock, interrupted);
  if (runs && starts_->is_loop(*runs, services_.clock)) {
    const std::string why = "three starts of the agent within minutes of three runs";
    services_.book.pause("", std::nullopt, PauseCause::boot_loop, why);
    starts_->forget();
    services_.log.error("boot loop", {{"reason", why},
                                      {"effect", "all remedies are paused until `chiron resume`"},
                                      {"hint", "`chiron history` shows what ran before each start"}});
  }
  if (const Status saving = save(); !saving) {
    services_.log.warning("start not recorded", {{"error", saving.error().to_string()}});
  }
}

void StartGuard::end() {
  const std::lock_guard lock(mutex_);
  if (!starts_) return;
  starts_->end();
  if (const Status saving = save(); !saving) {
    services_.log.warning("proper end not recorded", {{"error", saving.error().to_string()}});
  }
  starts_.reset();
}

Status StartGuard::save() { return services_.ledger.put(kStartsKey, starts_->save()); }

}  // namespace chiron::remediation
