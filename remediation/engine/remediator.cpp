#include "remediation/engine/remediator_impl.h"

namespace chiron::remediation {
namespace {

// Runs looked back at when cooldowns and budgets are rebuilt: as many as the ledger keeps, and as many again
// that were only planned.
constexpr std::size_t kRestored = 25'000;

}  // namespace

Remediator::Remediator(Services services, Options options)
    : impl_(std::make_unique<Impl>(std::move(services), std::move(options))) {}
Remediator::~Remediator() = default;

Status Remediator::take_up() {
  Impl& self = *impl_;
  Ledger& ledger = self.services.ledger;
  Result<std::vector<RunRecord>> interrupted =
      ledger.recover([boot = self.services.clock.boot_id()](const RunRecord& run) {
        if (run.steps.empty() || run.started.boot_id != boot || !run.steps.back().outcome.empty())
          return false;
        const ActionInfo* const action = find_action(run.steps.back().action);
        return action != nullptr && action->outlives_agent;
      });
  if (!interrupted) return std::move(interrupted).error().wrap("recovering the ledger");
  for (const RunRecord& run : *interrupted) {
    if (!is_final(run.state)) {
      const Result<RemedySpec> remedy = self.find(run.remedy);
      self.pool.adopt(run, remedy ? remedy->on_failure : std::vector<StepSpec>());
      continue;
    }
    self.services.log.warning("run interrupted", {{"run", run.id},
                                                  {"remedy", run.remedy},
                                                  {"alert", run.alertname},
                                                  {"target", run.target},
                                                  {"outcome", "interrupted"},
                                                  {"reason", run.reason}});
    if (run.mode != kDryRunMode) self.metrics.run_ended(run);
  }
  if (Status recalled = recall(); !recalled) return recalled;
  self.starts.begin(!std::ranges::all_of(*interrupted, only_looked));
  if (Status found = self.findings.restore(); !found) {
    self.services.log.warning("findings not restored", {{"error", found.error().to_string()}});
  }
  // One that came of damage, or was made before the ledger opened, has to outlive the next start as well.
  if (Status saved = self.pauses.save(); !saved) {
    self.services.log.warning("pauses not recorded", {{"error", saved.error().to_string()}});
  }
  return {};
}

Status Remediator::start() {
  Impl& self = *impl_;
  if (Status taken = take_up(); !taken) return taken;
  self.pool.start({self.services.ledger,
                   self.steps,
                   self.verifier,
                   self.metrics,
                   self.book,
                   self.services.clock,
                   self.services.log,
                   self.options.boundary,
                   {}});
  self.dispatcher.start();
  return {};
}

Status Remediator::recall() {
  Impl& self = *impl_;
  self.keep_house();
  Ledger& ledger = self.services.ledger;
  Result<std::vector<RunRecord>> runs =
      ledger.history({.limit = kRestored, .suppressed = false, .steps = false});
  if (!runs) return std::move(runs).error().wrap("reading earlier runs");
  self.book.restore(*runs);
  if (Status waiting = self.approvals.restore(); !waiting) {
    return std::move(waiting).error().wrap("reading runs that wait for approval");
  }
  self.pauses.recall(self.armings.recall());
  return {};
}

void Remediator::load(std::vector<RemedySpec> remedies) {
  Duration longest = std::chrono::hours(1);
  for (const RemedySpec& remedy : remedies) {
    longest = std::max({longest, remedy.policy.cooldown, remedy.policy.budget_per});
  }
  impl_->book.set_horizon(longest);
  impl_->metrics.declare(remedies);
  impl_->armings.load(remedies);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->remedies = std::make_shared<const std::vector<RemedySpec>>(std::move(remedies));
  }
  impl_->pauses.count();
  impl_->dispatcher.wake();
}

std::vector<RemedySpec> Remediator::remedies() const { return *impl_->list(); }

void Remediator::set_limits(Limits limits) {
  impl_->steps.set_policies(std::move(limits.deletion), std::move(limits.requests));
  impl_->book.set_gate(limits.gate);
  impl_->book.set_host_budget(limits.budget);
}

void Remediator::consider(std::span<const rules::Alert> firing) {
  impl_->dispatcher.consider(firing, impl_->frames.newest());
}

void Remediator::frame_done(BootTime boot) { impl_->frames.advance(boot); }

std::vector<RunRecord> Remediator::waiting() const { return impl_->approvals.waiting(); }

std::optional<WallTime> Remediator::next_run(std::string_view remedy) const {
  return impl_->schedules.next(remedy);
}

Decision Remediator::decision(std::string_view remedy, std::string_view target) const {
  Result<RemedySpec> known = impl_->find(remedy);
  if (!known) return {Suppression::target_not_allowed, known.error().to_string(), std::nullopt};
  return impl_->decide(*known, target, false);
}

Mode Remediator::mode(const RemedySpec& remedy) const {
  const auto armed = remedy.policy.armed_for ? impl_->book.arming(remedy.name) : std::nullopt;
  return armed && armed->over ? Mode::dry_run : remedy.policy.mode;
}

std::optional<PolicyBook::ArmedFor> Remediator::arming(std::string_view remedy) const {
  return impl_->book.arming(remedy);
}

std::vector<TargetState> Remediator::states(const RemedySpec& remedy) const {
  return impl_->book.states(remedy.name, remedy.policy);
}

std::optional<Decision> Remediator::paused(std::string_view remedy) const {
  return impl_->book.paused(remedy);
}

std::vector<RunRecord> Remediator::active() const { return impl_->pool.active(); }
bool Remediator::cancel(std::string_view run_id) { return impl_->pool.cancel(run_id); }
void Remediator::stop(Duration wait) {
  impl_->pool.stop(wait);
  impl_->starts.end();
}

}  // namespace chiron::remediation
