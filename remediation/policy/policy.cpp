#include "remediation/policy/policy.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <functional>
#include <ranges>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

Decision off() { return {Suppression::off, "remediation.mode is off: no remedy runs"}; }

// What a host's budget may say at most.
constexpr std::size_t kMaxByAlerts = 10'000;
constexpr Duration kLongestHostBudget = std::chrono::hours(24 * 31);

}  // namespace

PolicyBook::PolicyBook(const Clock& clock) : clock_(clock), pauses_(clock), armings_(clock) {}

void PolicyBook::set_horizon(Duration longest) {
  const std::lock_guard lock(mutex_);
  horizon_ = longest;
}

void PolicyBook::set_gate(Gate gate) {
  const std::lock_guard lock(mutex_);
  gate_ = gate;
}

Gate PolicyBook::gate() const {
  const std::lock_guard lock(mutex_);
  return gate_;
}

void PolicyBook::set_host_budget(HostBudget budget) {
  const std::lock_guard lock(mutex_);
  host_budget_ = budget;
}

void PolicyBook::set_firing(std::vector<Labels> firing) {
  const std::lock_guard lock(mutex_);
  firing_ = std::move(firing);
}

void PolicyBook::restore(const std::vector<RunRecord>& runs) {
  // Oldest first, by age: ids and wall clocks need not be in order when the clock was set back in between.
  using Event = std::pair<Duration, const RunRecord*>;
  std::vector<Event> events;
  for (const RunRecord& run : runs | std::views::reverse) {
    // What a dry-run carried out only read.
    if (has_acted(run.state) && run.mode != to_string(Mode::dry_run))
      events.emplace_back(age(run.started, clock_), &run);
  }
  std::ranges::stable_sort(events, std::greater(), &Event::first);
  for (const auto& [age, run] : events) {
    if (run->trigger == kResetTrigger) {
      reset(run->remedy, run->target);
      continue;
    }
    note_attempt(run->remedy, run->target, run->started, run->trigger == "alert");
    if (run->finished) note_end(run->remedy, run->target, *run->finished, run->state);
  }
}

void PolicyBook::note_attempt(std::string_view remedy, std::string_view target, Moment when, bool by_alert) {
  const std::lock_guard lock(mutex_);
  if (by_alert) {
    by_alerts_.push_back(when);
    while (by_alerts_.size() > kMaxByAlerts || age(by_alerts_.front(), clock_) > kLongestHostBudget) {
      by_alerts_.pop_front();
    }
  }
  History& history = histories_[{std::string(remedy), std::string(target)}];
  history.begin(std::move(when));
  history.prune(horizon_, clock_);
}

void PolicyBook::note_end(std::string_view remedy, std::string_view target, Moment when, RunState state) {
  const std::lock_guard lock(mutex_);
  const auto found = histories_.find(Key(remedy, target));
  if (found == histories_.end() || found->second.empty()) return;
  if (outcome_of(state) == Outcome::left_alone) forget_by_alert(found->second.newest().started);
  found->second.end(std::move(when), state);
}

void PolicyBook::forget_by_alert(const Moment& started) {
  const auto found = std::ranges::find_if(by_alerts_ | std::views::reverse, [&](const Moment& when) {
    return when.boot == started.boot && when.boot_id == started.boot_id;
  });
  if (found != by_alerts_.rend()) by_alerts_.erase(std::prev(found.base()));
}

void PolicyBook::reset(std::string_view remedy, std::string_view target) {
  const std::lock_guard lock(mutex_);
  std::erase_if(histories_, [&](const auto& entry) {
    return entry.first.first == remedy && (target.empty() || entry.first.second == target);
  });
}

std::vector<TargetState> PolicyBook::states(std::string_view remedy, const PolicySpec& policy) const {
  const std::lock_guard lock(mutex_);
  std::optional<Decision> pause = pauses_.find(remedy);
  if (gate_ == Gate::off) pause = off();
  const std::vector<Duration> host = host_past();
  std::vector<TargetState> states;
  for (auto entry = histories_.lower_bound(Key(remedy, "")); entry != histories_.end(); ++entry) {
    if (entry->first.first != remedy) break;
    const Past past = entry->second.past(clock_);
    TargetState state = state_of({policy, past, host_budget_, host, firing_, clock_.wall()}, pause);
    state.target = entry->first.second;
    if (state.matters(policy)) states.push_back(std::move(state));
  }
  return states;
}

Past PolicyBook::past_of(std::string_view remedy, std::string_view target) const {
  const auto found = histories_.find(Key(remedy, target));
  return found != histories_.end() ? found->second.past(clock_) : Past();
}

std::vector<Duration> PolicyBook::host_past() const {
  std::vector<Duration> ages;
  ages.reserve(by_alerts_.size());
  for (const Moment& when : by_alerts_) ages.push_back(age(when, clock_));
  return ages;
}

Mode PolicyBook::mode_of(std::string_view remedy, const PolicySpec& policy) const {
  const std::lock_guard lock(mutex_);
  const bool narrowed = gate_ != Gate::automatic || (policy.armed_for && armings_.is_over(remedy));
  const Mode mode = narrowed ? Mode::dry_run : policy.mode;
  return policy.only_reads && mode == Mode::dry_run ? Mode::automatic : mode;
}

Decision PolicyBook::dry_run_decision(std::string_view remedy, const PolicySpec& policy) const {
  if (gate_ == Gate::dry_run) {
    return {Suppression::dry_run,
            "remediation.mode is dry-run: every remedy says what it would do and does nothing"};
  }
  if (const Armings::Arming* arming = policy.armed_for ? armings_.find(remedy) : nullptr) {
    return {Suppression::dry_run,
            fmt::format("it was armed for {}, until {}: since then it says what it would do and does nothing",
                        format_duration(arming->length),
                        to_rfc3339(armings_.until(*arming)).substr(0, 19) + 'Z')};
  }
  return {Suppression::dry_run, "the remedy is in dry-run: it says what it would do and does nothing"};
}

Decision PolicyBook::decide(std::string_view remedy, std::string_view target,
                            const PolicySpec& policy) const {
  const Mode mode = mode_of(remedy, policy);
  const std::lock_guard lock(mutex_);
  if (gate_ == Gate::off) return off();
  if (std::optional<Decision> pause = pauses_.find(remedy)) return *std::move(pause);
  const Past past = past_of(remedy, target);
  const std::vector<Duration> host = host_past();
  const Case now{policy, past, host_budget_, host, firing_, clock_.wall()};
  if (std::optional<Decision> objection = first_objection(now)) return *std::move(objection);
  if (mode == Mode::dry_run) return dry_run_decision(remedy, policy);
  if (mode == Mode::approval) return {Suppression::approval, "it acts when a person approves"};
  return {Suppression::none, is_trial(now) ? "its breaker is half-open: the next run is its one trial" : ""};
}

bool PolicyBook::exhausted(std::string_view remedy, std::string_view target, const PolicySpec& policy) const {
  const std::lock_guard lock(mutex_);
  if (gate_ == Gate::off) return false;
  const Past past = past_of(remedy, target);
  const std::vector<Duration> host = host_past();
  const Case now{policy, past, host_budget_, host, firing_, clock_.wall()};
  return breaker_state(now) == BreakerState::open || judge_budget(now) || judge_host_budget(now);
}

void PolicyBook::pause(std::string_view remedy, std::optional<Duration> length, PauseCause cause,
                       std::string why) {
  const std::lock_guard lock(mutex_);
  pauses_.pause(remedy, cause, length, std::move(why));
}

void PolicyBook::resume(std::string_view remedy) {
  const std::lock_guard lock(mutex_);
  pauses_.resume(remedy);
}

std::optional<Decision> PolicyBook::paused(std::string_view remedy) const {
  const std::lock_guard lock(mutex_);
  return pauses_.find(remedy);
}

bool PolicyBook::all_paused_by(PauseCause cause) const {
  const std::lock_guard lock(mutex_);
  return pauses_.holds_all(cause);
}

bool PolicyBook::look_at_pause_file(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return pauses_.look_at_file(path);
}

std::string PolicyBook::save_pauses() const {
  const std::lock_guard lock(mutex_);
  return pauses_.save();
}

Status PolicyBook::restore_pauses(std::string_view text) {
  const std::lock_guard lock(mutex_);
  return pauses_.restore(text);
}

bool PolicyBook::arm(const Armings::Lengths& lengths) {
  const std::lock_guard lock(mutex_);
  return armings_.want(lengths);
}

Status PolicyBook::restore_armings(std::string_view json) {
  const std::lock_guard lock(mutex_);
  return armings_.restore(json);
}

std::string PolicyBook::save_armings() const {
  const std::lock_guard lock(mutex_);
  return armings_.save();
}

std::vector<std::string> PolicyBook::tell_over() {
  const std::lock_guard lock(mutex_);
  return armings_.tell_over();
}

std::optional<PolicyBook::ArmedFor> PolicyBook::arming(std::string_view remedy) const {
  const std::lock_guard lock(mutex_);
  const Armings::Arming* arming = armings_.find(remedy);
  if (arming == nullptr) return std::nullopt;
  return ArmedFor{arming->length, arming->since.wall, armings_.until(*arming), armings_.is_over(remedy)};
}

}  // namespace chiron::remediation
