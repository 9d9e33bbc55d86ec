#include "remediation/engine/dispatcher.h"

#include <fmt/format.h>
#include <pthread.h>

namespace chiron::remediation {
namespace {

/// At most one pass in this time is looked at while nothing fires, whoever asked for it.
constexpr Duration kIdleLook = std::chrono::seconds(4);

}  // namespace

RunRecord intent_of(std::string_view remedy, std::string_view target, const rules::Alert* alert,
                    bool dry_run) {
  RunRecord record;
  record.remedy = remedy;
  record.target = target;
  record.trigger = "alert";
  record.mode = to_string(dry_run ? Mode::dry_run : Mode::automatic);
  if (alert != nullptr) {
    record.alertname = alert->name;
    record.alert_fingerprint = alert->fingerprint;
    record.alert_labels = alert->labels;
  }
  return record;
}

Run::Plan run_plan(const RemedySpec& remedy, const std::string& target, std::optional<rules::Alert> alert,
                   bool dry_run) {
  Run::Plan plan;
  plan.steps = remedy.steps;
  plan.on_failure = remedy.on_failure;
  plan.cure = {remedy.verify, std::move(alert), target};
  plan.dry_run = dry_run;
  plan.policy = remedy.policy;
  return plan;
}

Dispatcher::Dispatcher(Services services) : services_(std::move(services)), rehearsals_(services_.clock) {}

Dispatcher::~Dispatcher() { stop(); }

void Dispatcher::start() {
  thread_ = std::thread([this] { loop(); });
}

void Dispatcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Dispatcher::consider(std::span<const rules::Alert> firing, BootTime frame) {
  auto fresh = std::make_shared<Firing>();
  fresh->frame = frame;
  for (const rules::Alert& alert : firing) {
    if (alert.state == rules::AlertState::firing) fresh->alerts.push_back(alert);
  }
  {
    const std::lock_guard lock(mutex_);
    if (fresh->alerts.empty() && firing_ && firing_->alerts.empty()) {
      const BootTime now = services_.clock.boot();
      if (idle_looked_ && now - *idle_looked_ < kIdleLook) return;
      idle_looked_ = now;
    }
    firing_ = std::move(fresh);
    look_again_ = true;
  }
  changed_.notify_all();
}

void Dispatcher::wake() {
  {
    const std::lock_guard lock(mutex_);
    look_again_ = true;
  }
  changed_.notify_all();
}

void Dispatcher::loop() {
  ::pthread_setname_np(::pthread_self(), "dispatcher");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return look_again_ || stopping_; });
    if (stopping_) return;
    look_again_ = false;
    const std::shared_ptr<const Firing> firing = firing_;
    if (!firing) continue;
    lock.unlock();
    try {
      pass(*firing);
    } catch (const std::exception& fault) {
      services_.log.error("looking at alerts failed", {{"error", fault.what()}});
    }
    lock.lock();
  }
}

void Dispatcher::pass(const Firing& firing) {
  services_.housekeeping();
  std::vector<Labels> labels;
  for (const rules::Alert& alert : firing.alerts) labels.push_back(alert.labels);
  services_.book.set_firing(std::move(labels));
  services_.approvals.look(firing.alerts);
  const RemedyList remedies = services_.remedies();
  notes_.begin_pass();
  asked_in_vain_.clear();
  for (const RemedySpec& remedy : *remedies) {
    for (const rules::Alert& alert : firing.alerts) {
      if (remedy.matches(alert.labels)) look(remedy, alert, firing.frame);
    }
  }
  notes_.end_pass();
  update_exhausted();
  look_at_schedules(*remedies);
}

void Dispatcher::look(const RemedySpec& remedy, const rules::Alert& alert, BootTime frame) {
  rules::TemplateData data;
  data.labels = &alert.labels;
  data.value = alert.value;
  const Target target = target_for(remedy, data);
  const auto no = [&](Suppression reason, std::string detail) {
    suppress(remedy, target.name, alert, {reason, std::move(detail), std::nullopt});
  };
  if (!target.ok()) return no(target.reason, target.detail);
  const SuppressionNotes::Key key{remedy.name, target.name, alert.fingerprint};
  const std::optional<std::string> occupant = services_.pool.occupant(target.name);
  // What its own run, still at work or just over, comes to is not known yet.
  const bool open = occupant == remedy.name || !services_.pool.knows_last_run(target.name, frame);
  if (!open && services_.book.exhausted(remedy.name, target.name, remedy.policy))
    asked_in_vain_.emplace(remedy.name, target.name);
  if (std::optional<std::string> absent = absence_of(remedy, services_.paths, services_.container_sockets))
    return no(Suppression::absent, *std::move(absent));
  if (alert.held) return no(Suppression::held, "the source of the rule's series is failing");
  if (services_.pool.stopping()) return no(Suppression::stopping, "the agent is stopping");
  if (occupant && *occupant != remedy.name) {
    return no(Suppression::in_progress,
              fmt::format("a run of {} on {} is in progress", *occupant, target.name));
  }
  // Its own run is no news, and the alert may be the one that it has just ended.
  if (open) return notes_.keep(key);

  const bool dry_run = services_.book.mode_of(remedy.name, remedy.policy) == Mode::dry_run;
  const Decision decision = services_.book.decide(remedy.name, target.name, remedy.policy);
  const bool asks = decision.reason == Suppression::approval;
  if (decision.reason != Suppression::none && decision.reason != Suppression::dry_run && !asks) {
    return suppress(remedy, target.name, alert, decision);
  }
  if (asks && services_.approvals.settled(remedy, target.name, alert)) return notes_.keep(key);
  if (dry_run) {
    PolicySpec rehearsed = remedy.policy;
    rehearsed.mode = Mode::dry_run;
    const Decision again = rehearsals_.decide(remedy.name, target.name, rehearsed);
    if (notes_.told(key) == Suppression::dry_run || again.reason != Suppression::dry_run)
      return notes_.keep(key);
  }
  // With every worker taken it waits for the pass that follows the end of a run.
  if (!asks && services_.pool.full()) return notes_.keep(key);
  const Result<bool> holds = services_.still_holds(alert);
  // Its rule may just have been taken away by a reload.
  if (!holds) return no(Suppression::held, holds.error().to_string());
  // keep_firing_for leaves an alert firing that is over already.
  if (!*holds) return notes_.keep(key);
  if (asks) return ask(remedy, target.name, alert);
  launch(remedy, target.name, alert, dry_run);
}

void Dispatcher::ask(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert) {
  const Result<std::string> asked = services_.approvals.ask(remedy, target, &alert);
  if (!asked) return suppress(remedy, target, alert, {Suppression::ledger, asked.error().to_string()});
  if (notes_.note({remedy.name, target, alert.fingerprint}, Suppression::approval)) {
    services_.metrics.suppressed(remedy.name, Suppression::approval);
  }
}

void Dispatcher::launch(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert,
                        bool dry_run) {
  const SuppressionNotes::Key key{remedy.name, target, alert.fingerprint};
  auto launched = services_.pool.launch(run_plan(remedy, target, alert, dry_run),
                                        intent_of(remedy.name, target, &alert, dry_run));
  if (const auto* refusal = std::get_if<RunPool::Refusal>(&launched)) {
    return suppress(remedy, target, alert, {refusal->reason, refusal->error.to_string(), std::nullopt});
  }
  if (!dry_run) {
    notes_.acted(key);
    if (!exhausted_.contains({remedy.name, target})) services_.metrics.exhausted(remedy.name, target, false);
    return;
  }
  rehearsals_.note_attempt(remedy.name, target, moment_now(services_.clock));
  notes_.note(key, Suppression::dry_run);
  services_.metrics.suppressed(remedy.name, Suppression::dry_run);
}

void Dispatcher::suppress(const RemedySpec& remedy, const std::string& target, const rules::Alert& alert,
                          const Decision& why) {
  if (notes_.note({remedy.name, target, alert.fingerprint}, why.reason)) {
    record_suppressed(remedy, target, &alert, why);
  }
}

void Dispatcher::record_suppressed(const RemedySpec& remedy, const std::string& target,
                                   const rules::Alert* alert, const Decision& why) {
  services_.metrics.suppressed(remedy.name, why.reason);
  services_.log.info("remedy suppressed",
                     {{"remedy", remedy.name},
                      {"alert", alert != nullptr ? std::string_view(alert->name) : std::string_view()},
                      {"target", target},
                      {"reason", to_string(why.reason)},
                      {"detail", why.detail}});
  // A ledger that has just failed would only be waited for once more.
  if (why.reason == Suppression::ledger || why.reason == Suppression::stopping) return;
  const bool dry_run = services_.book.mode_of(remedy.name, remedy.policy) == Mode::dry_run;
  RunRecord record = intent_of(remedy.name, target, alert, dry_run);
  if (alert == nullptr) record.trigger = kScheduleTrigger;
  record.state = RunState::suppressed;
  record.reason = fmt::format("{}: {}", to_string(why.reason), why.detail);
  record.started = moment_now(services_.clock);
  if (Result<std::string> recorded = services_.ledger.begin(std::move(record)); !recorded) {
    services_.log.debug("suppression not recorded", {{"error", recorded.error().to_string()}});
  }
}

void Dispatcher::update_exhausted() {
  for (const auto& [remedy, target] : asked_in_vain_) services_.metrics.exhausted(remedy, target, true);
  for (const auto& [remedy, target] : exhausted_) {
    if (!asked_in_vain_.contains({remedy, target})) services_.metrics.exhausted(remedy, target, false);
  }
  exhausted_.swap(asked_in_vain_);
}

}  // namespace chiron::remediation
