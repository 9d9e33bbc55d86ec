#include "remediation/engine/remediator.h"

#include "exporter/base/parse.h"
#include "remediation/engine/approvals.h"
#include "remediation/engine/dispatcher.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/run_pool.h"
#include "remediation/engine/start_guard.h"
#include "remediation/engine/step_runner.h"
#include "remediation/engine/target.h"
#include "remediation/engine/verifier.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::string_view kPausesKey = "pauses";
// Runs looked back at when cooldowns and budgets are rebuilt: as many as the ledger keeps, and as many again
// that were only planned.
constexpr std::size_t kRestored = 25'000;
constexpr Duration kPlanTimeout = std::chrono::seconds(20);

Error not_there(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known) {
  std::string message = fmt::format("there is no {} {}", kind, name);
  if (const std::string near = closest(name, known); !near.empty())
    message += fmt::format("; did you mean {}?", near);
  return {ErrorCode::not_found, std::move(message)};
}

Result<const ActionInfo*> action_named(std::string_view name) {
  if (const ActionInfo* info = find_action(name)) return info;
  std::vector<std::string_view> known;
  for (const ActionInfo& info : all_actions()) known.push_back(info.name);
  return not_there("action", name, known);
}

/// What an action by hand is about: two on the same thing must not meet, nor meet a remedy's run.
std::string target_of(const ActionInfo& action, const ArgumentValues& arguments) {
  const std::string_view subject = subject_of(action);
  for (const auto& [name, value] : arguments) {
    if (name == subject && value.shape == ArgumentValue::Shape::text && !value.texts.empty()) {
      return value.texts.front();
    }
  }
  return std::string(action.name);
}

}  // namespace

struct Remediator::Impl {
  Impl(Services s, Options o)
      : services(std::move(s)),
        options(std::move(o)),
        book(services.clock),
        starts({services.ledger, book, services.clock, services.log}),
        metrics(services.metrics),
        steps({options.limits.deletion, options.bus, options.watched_services, options.host, options.grace},
              services.paths, services.clock, services.log),
        verifier({services.store, services.clock, frames, services.want_frame, services.still_holds}),
        pool({options.workers, [this] { dispatcher.wake(); }},
             {services.ledger, steps, book, metrics, services.clock, services.log}),
        approvals({services.ledger, pool, book, metrics, services.clock, services.log, services.still_holds,
                   [this] { return list(); }, options.boundary}),
        schedules({services.ledger, services.paths, services.clock, services.log, metrics}),
        dispatcher({services.ledger, pool, approvals, book, metrics, schedules, services.paths,
                    services.clock, services.log, services.still_holds, [this] { return list(); },
                    [this] { keep_house(); }}) {
    book.set_gate(options.limits.gate);
    book.set_host_budget(options.limits.budget);
  }
  // The two threads' owners know each other: both are at rest before either is destroyed.
  ~Impl() { stop(Duration::zero()); }

  void stop(Duration wait) {
    pool.stop(wait);
    dispatcher.stop();
    pool.join();
  }
  RemedyList list() const {
    const std::lock_guard lock(mutex);
    return remedies;
  }
  Result<RemedySpec> find(std::string_view name) const;
  Decision decide(const RemedySpec& remedy, std::string_view target, bool person) const;
  void count_paused();
  void keep_house();
  Status save_pauses();
  Result<std::string> launch(Run::Plan plan, RunRecord record);
  Result<std::vector<StepPlan>> plan_steps(const std::vector<StepSpec>& specs, const std::string& target,
                                           bool templates);

  const Services services;
  const Options options;
  PolicyBook book;
  StartGuard starts;
  OutcomeMetrics metrics;
  StepRunner steps;
  FrameGate frames;
  Verifier verifier;
  RunPool pool;
  Approvals approvals;
  Scheduler schedules;
  Dispatcher dispatcher;
  mutable std::mutex mutex;
  RemedyList remedies = std::make_shared<const std::vector<RemedySpec>>();  // guarded by mutex
};

Result<RemedySpec> Remediator::Impl::find(std::string_view name) const {
  const RemedyList all = list();
  std::vector<std::string_view> known;
  for (const RemedySpec& remedy : *all) {
    if (remedy.name == name) return remedy;
    known.push_back(remedy.name);
  }
  return not_there("remedy", name, known);
}

Decision Remediator::Impl::decide(const RemedySpec& remedy, std::string_view name, bool person) const {
  const Target target = target_named(remedy, name);
  if (!target.ok()) return {target.reason, target.detail, std::nullopt};
  if (const std::optional<std::string> occupant = pool.occupant(target.name)) {
    return {Suppression::in_progress, fmt::format("a run of {} on {} is in progress", *occupant, target.name),
            std::nullopt};
  }
  if (std::optional<std::string> absent = absence_of(remedy, services.paths))
    return {Suppression::absent, *std::move(absent), std::nullopt};
  PolicySpec policy = remedy.policy;
  if (person) policy.mode = Mode::automatic;
  Decision decision = book.decide(remedy.name, target.name, policy);
  if (decision.reason != Suppression::approval) return decision;
  if (const auto waits = approvals.waits(remedy, target.name)) {
    decision.detail = fmt::format("it waits until {} for `chiron remedy approve {}`",
                                  clock_time(services.clock.wall(), waits->second), waits->first);
  }
  return decision;
}

void Remediator::Impl::count_paused() {
  std::size_t paused = 0;
  for (const RemedySpec& remedy : *list()) paused += book.paused(remedy.name).has_value();
  metrics.set_paused(paused);
  for (const PauseCause cause : all_pause_causes()) metrics.set_all_paused(cause, book.all_paused_by(cause));
}

void Remediator::Impl::keep_house() {
  if (!options.pause_file.empty() && book.look_at_pause_file(options.pause_file)) {
    const std::optional<Decision> paused = book.paused("");
    const bool there = book.all_paused_by(PauseCause::file);
    const std::size_t held = there ? pool.hold("").size() : 0;
    services.log.info(there ? "remedies paused" : "pause file gone",
                      {{"remedy", "all"},
                       {"reason", paused ? paused->detail : "remedies run again"},
                       {"runs_held", std::uint64_t{held}}});
  }
  // A timed pause ends without anybody saying so.
  count_paused();
}

Status Remediator::Impl::save_pauses() {
  count_paused();
  dispatcher.wake();
  Status saved = services.ledger.put(kPausesKey, book.save_pauses());
  if (saved) return saved;
  return std::move(saved).error().wrap("done, but not recorded: it will not survive a restart");
}

Result<std::string> Remediator::Impl::launch(Run::Plan plan, RunRecord record) {
  const std::string remedy = record.remedy;
  auto launched = pool.launch(std::move(plan), std::move(record));
  if (auto* refusal = std::get_if<RunPool::Refusal>(&launched)) {
    if (!remedy.empty()) metrics.suppressed(remedy, refusal->reason);
    return std::move(refusal->error);
  }
  return std::get<std::string>(std::move(launched));
}

Result<std::vector<StepPlan>> Remediator::Impl::plan_steps(const std::vector<StepSpec>& specs,
                                                           const std::string& target, bool templates) {
  static const Labels kNone;
  rules::TemplateData data;
  data.labels = &kNone;
  data.target = target;
  std::vector<StepPlan> plans;
  for (const StepSpec& spec : specs) {
    Result<PreparedStep> step = prepare_step(spec, templates ? &data : nullptr);
    if (!step) {
      plans.push_back({std::string(spec.action->name), std::move(step).error()});
      continue;
    }
    step->timeout = std::min(step->timeout, kPlanTimeout);
    plans.push_back(
        {std::string(spec.action->name),
         steps.plan(*std::move(step), {.run_id = "", .target = target, .cancel = {}, .manual = true})});
  }
  return plans;
}

std::string to_json(const RunRequest& request) {
  nlohmann::json json = {{"remedy", request.remedy},
                         {"target", request.target},
                         {"trigger", request.trigger},
                         {"requested_by", request.requested_by},
                         {"dry_run", request.dry_run}};
  if (request.alert) {
    nlohmann::json labels = nlohmann::json::object();
    for (const Label& label : request.alert->labels) labels[label.name] = label.value;
    json["alert"] = {{"labels", std::move(labels)},
                     {"value", fmt::format("{}", request.alert->value)},
                     {"fingerprint", fmt::format("{:016x}", request.alert->fingerprint)},
                     {"activeAt", to_rfc3339(request.alert->active_at)}};
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Remediator::Remediator(Services services, Options options)
    : impl_(std::make_unique<Impl>(std::move(services), std::move(options))) {}
Remediator::~Remediator() = default;

Status Remediator::take_up() {
  Impl& self = *impl_;
  Ledger& ledger = self.services.ledger;
  Result<std::vector<RunRecord>> interrupted = ledger.recover();
  if (!interrupted) return std::move(interrupted).error().wrap("recovering the ledger");
  for (const RunRecord& run : *interrupted) {
    self.services.log.warning("run interrupted", {{"run", run.id},
                                                  {"remedy", run.remedy},
                                                  {"alert", run.alertname},
                                                  {"target", run.target},
                                                  {"outcome", "interrupted"},
                                                  {"reason", run.reason}});
    self.metrics.run_ended(run);
  }
  if (Status recalled = recall(); !recalled) return recalled;
  self.starts.begin(!std::ranges::all_of(*interrupted, only_looked));
  // One that came of damage, or was made before the ledger opened, has to outlive the next start as well.
  if (Status saved = self.save_pauses(); !saved) {
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
  Result<std::string> pauses = ledger.get(kPausesKey);
  Status restored = pauses ? self.book.restore_pauses(*pauses) : Status(pauses.error());
  const Result<bool> lost = ledger.lost_records();
  if (restored && !lost) restored = lost.error();
  if (restored && *lost) {
    restored = Error(ErrorCode::corrupt, "the ledger was damaged: what was paused or had just run is gone");
  }
  if (!restored) {
    // Better held back by mistake than let loose by one.
    self.book.pause("", std::nullopt, PauseCause::ledger, "the ledger was damaged or could not be read");
    self.services.log.error("pauses lost",
                            {{"error", restored.error().to_string()},
                             {"effect", "all remedies are paused until `chiron remedy resume`"}});
  }
  return {};
}

void Remediator::load(std::vector<RemedySpec> remedies) {
  Duration longest = std::chrono::hours(1);
  for (const RemedySpec& remedy : remedies) {
    longest = std::max({longest, remedy.policy.cooldown, remedy.policy.budget_per});
  }
  impl_->book.set_horizon(longest);
  impl_->metrics.declare(remedies);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->remedies = std::make_shared<const std::vector<RemedySpec>>(std::move(remedies));
  }
  impl_->count_paused();
  impl_->dispatcher.wake();
}

std::vector<RemedySpec> Remediator::remedies() const { return *impl_->list(); }

void Remediator::set_limits(Limits limits) {
  impl_->steps.set_deletion(std::move(limits.deletion));
  impl_->book.set_gate(limits.gate);
  impl_->book.set_host_budget(limits.budget);
}

void Remediator::consider(std::span<const rules::Alert> firing) {
  impl_->dispatcher.consider(firing, impl_->frames.newest());
}

void Remediator::frame_done(BootTime boot) { impl_->frames.advance(boot); }

Result<std::string> Remediator::request(RunRequest request, bool force) {
  Result<RemedySpec> remedy = impl_->find(request.remedy);
  if (!remedy) return std::move(remedy).error();
  const bool dry_run = request.dry_run || impl_->book.gate() != Gate::automatic;
  rules::TemplateData data;
  if (request.alert) {
    data.labels = &request.alert->labels;
    data.value = request.alert->value;
  }
  const Target target = target_named(*remedy, request.target, request.alert ? &data : nullptr);
  if (!target.ok()) return Error(ErrorCode::permission_denied, target.detail);
  if (!force && !dry_run) {
    const Decision decision = impl_->decide(*remedy, target.name, true);
    if (decision.reason != Suppression::none) {
      impl_->metrics.suppressed(remedy->name, decision.reason);
      return Error(ErrorCode::failed_precondition,
                   fmt::format("{}: {}", to_string(decision.reason), decision.detail));
    }
  }
  RunRecord record = intent_of(remedy->name, target.name, request.alert ? &*request.alert : nullptr, dry_run);
  record.trigger = request.trigger;
  record.requested_by = request.requested_by;
  Run::Plan plan = run_plan(*remedy, target.name, std::move(request.alert), dry_run);
  plan.manual = request.trigger == "manual";
  if (force) plan.policy.reset();
  return impl_->launch(std::move(plan), std::move(record));
}

Result<std::string> Remediator::run_action(std::string_view action, ArgumentValues arguments,
                                           std::string requested_by) {
  Result<const ActionInfo*> info = action_named(action);
  if (!info) return std::move(info).error();
  StepSpec step{*info, std::move(arguments), {}};
  // A mistake in an argument is told to who made it, not to the ledger.
  if (Result<PreparedStep> sound = prepare_step(step, nullptr); !sound) return std::move(sound).error();
  const std::string target = target_of(**info, step.arguments);
  if (std::optional<std::string> denied = denied_target(target)) {
    return Error(ErrorCode::permission_denied, *std::move(denied));
  }
  const bool dry_run = impl_->book.gate() != Gate::automatic;
  RunRecord record = intent_of("", target, nullptr, dry_run);
  record.trigger = "manual";
  record.requested_by = std::move(requested_by);
  Run::Plan plan;
  plan.steps.push_back(std::move(step));
  plan.templates = false;
  plan.cure.target = target;
  plan.dry_run = dry_run;
  plan.manual = true;
  return impl_->launch(std::move(plan), std::move(record));
}

Result<RemedyPlan> Remediator::plan(std::string_view remedy_name, std::string_view target_name) {
  Result<RemedySpec> remedy = impl_->find(remedy_name);
  if (!remedy) return std::move(remedy).error();
  RemedyPlan plan{remedy->name, std::string(target_name), impl_->decide(*remedy, target_name, false), {}};
  const Target target = target_named(*remedy, target_name);
  if (!target.ok()) return plan;
  plan.target = target.name;
  Result<std::vector<StepPlan>> steps = impl_->plan_steps(remedy->steps, target.name, true);
  if (!steps) return std::move(steps).error();
  plan.steps = *std::move(steps);
  return plan;
}

Result<Plan> Remediator::plan_action(std::string_view action, const ArgumentValues& arguments) {
  Result<const ActionInfo*> info = action_named(action);
  if (!info) return std::move(info).error();
  Result<std::vector<StepPlan>> steps =
      impl_->plan_steps({StepSpec{*info, arguments, {}}}, target_of(**info, arguments), false);
  if (!steps) return std::move(steps).error();
  return std::move(steps->front().plan);
}

Status Remediator::pause(std::string_view remedy, std::optional<Duration> length) {
  if (!remedy.empty()) {
    if (Result<RemedySpec> known = impl_->find(remedy); !known) return std::move(known).error();
  }
  impl_->book.pause(remedy, length);
  const std::vector<std::string> held = impl_->pool.hold(remedy);
  impl_->services.log.info("remedies paused", {{"remedy", remedy.empty() ? "all" : remedy},
                                               {"for", length ? format_duration(*length) : "until resumed"},
                                               {"runs_held", std::uint64_t{held.size()}}});
  return impl_->save_pauses();
}

Status Remediator::resume(std::string_view remedy) {
  impl_->book.resume(remedy);
  impl_->services.log.info("remedies resumed", {{"remedy", remedy.empty() ? "all" : remedy}});
  return impl_->save_pauses();
}

Status Remediator::reset(std::string_view remedy, std::string_view target, std::string_view who) {
  Result<RemedySpec> known = impl_->find(remedy);
  if (!known) return std::move(known).error();
  std::string name;
  if (!target.empty()) {
    const Target wanted = target_named(*known, target);
    if (!wanted.ok()) return Error(ErrorCode::invalid_argument, wanted.detail);
    name = wanted.name;
  }
  RunRecord row = intent_of(remedy, name, nullptr, false);
  row.trigger = kResetTrigger;
  row.requested_by = who;
  row.mode = "";
  row.state = RunState::succeeded;
  row.reason = "earlier attempts no longer count";
  row.started = moment_now(impl_->services.clock);
  row.finished = row.started;
  // The row is what a restart rebuilds from: what is not on disk is not forgotten.
  if (Result<std::string> recorded = impl_->services.ledger.begin(std::move(row)); !recorded) {
    return std::move(recorded).error().wrap("nothing was reset, it could not be recorded");
  }
  impl_->book.reset(remedy, name);
  impl_->services.log.info("remedy reset",
                           {{"remedy", remedy}, {"target", name.empty() ? "any" : name}, {"by", who}});
  impl_->dispatcher.wake();
  return {};
}

Result<std::string> Remediator::approve(std::string_view run_id, std::string_view who) {
  return impl_->approvals.approve(run_id, who);
}

Status Remediator::reject(std::string_view run_id, std::string_view who) {
  return impl_->approvals.reject(run_id, who);
}

std::vector<RunRecord> Remediator::waiting() const { return impl_->approvals.waiting(); }

std::optional<WallTime> Remediator::next_run(std::string_view remedy) const {
  return impl_->schedules.next(remedy);
}

Decision Remediator::decision(std::string_view remedy, std::string_view target) const {
  Result<RemedySpec> known = impl_->find(remedy);
  if (!known) return {Suppression::target_not_allowed, known.error().to_string(), std::nullopt};
  return impl_->decide(*known, target, false);
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
