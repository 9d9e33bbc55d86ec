#include "remediation/policy/policy.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::array<std::pair<Suppression, std::string_view>, 11> kReasons{{
    {Suppression::none, "none"},
    {Suppression::dry_run, "dry_run"},
    {Suppression::cooldown, "cooldown"},
    {Suppression::budget, "budget"},
    {Suppression::paused, "paused"},
    {Suppression::in_progress, "in_progress"},
    {Suppression::target_not_allowed, "target_not_allowed"},
    {Suppression::target_denied, "target_denied"},
    {Suppression::held, "held"},
    {Suppression::ledger, "ledger"},
    {Suppression::stopping, "stopping"},
}};

// No remedy is worth more attempts within its budget's length; more are not remembered.
constexpr std::size_t kMaxAttempts = 1000;

bool acted(const RunRecord& run) {
  return run.state != RunState::planned && run.state != RunState::suppressed;
}

/// Whole seconds, rounded up: a person who waits that long finds it done.
std::string for_people(Duration duration) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(duration));
}

std::string clock_time(const Clock& clock, Duration in) {
  const WallTime then = clock.wall() + std::chrono::duration_cast<std::chrono::milliseconds>(in);
  return to_rfc3339(then).substr(11, 8) + " UTC";
}

nlohmann::json to_json(const Moment& moment) {
  return {{"wall_ms", to_ms(moment.wall)},
          {"boot_ns", moment.boot.time_since_epoch().count()},
          {"boot_id", moment.boot_id}};
}

Moment moment_from_json(const nlohmann::json& json) {
  return {from_ms(json.at("wall_ms").get<std::int64_t>()),
          BootTime(Duration(json.at("boot_ns").get<std::int64_t>())), json.at("boot_id").get<std::string>()};
}

}  // namespace

std::string_view to_string(Mode mode) { return mode == Mode::automatic ? "automatic" : "dry-run"; }

std::string_view to_string(Suppression reason) {
  for (const auto& [value, name] : kReasons) {
    if (value == reason) return name;
  }
  return "none";
}

std::vector<Suppression> all_suppressions() {
  std::vector<Suppression> all;
  for (const auto& [value, name] : kReasons) {
    if (value != Suppression::none) all.push_back(value);
  }
  return all;
}

PolicyBook::PolicyBook(const Clock& clock) : clock_(clock) {}

void PolicyBook::set_horizon(Duration longest) {
  const std::lock_guard lock(mutex_);
  horizon_ = longest;
}

void PolicyBook::restore(const std::vector<RunRecord>& runs) {
  // Oldest first, by age: ids and wall clocks need not be in order when the clock was set back in between.
  using Event = std::pair<Duration, const RunRecord*>;
  std::vector<Event> attempts, ends;
  for (const RunRecord& run : runs) {
    if (!acted(run)) continue;
    attempts.emplace_back(age(run.started, clock_), &run);
    if (run.finished) ends.emplace_back(age(*run.finished, clock_), &run);
  }
  std::ranges::stable_sort(attempts, std::greater(), &Event::first);
  std::ranges::stable_sort(ends, std::greater(), &Event::first);
  for (const auto& [age, run] : attempts) note_attempt(run->remedy, run->target, run->started);
  for (const auto& [age, run] : ends) note_end(run->remedy, run->target, *run->finished);
}

void PolicyBook::note_attempt(std::string_view remedy, std::string_view target, Moment when) {
  const std::lock_guard lock(mutex_);
  History& history = histories_[{std::string(remedy), std::string(target)}];
  history.attempts.push_back(std::move(when));
  prune(history);
}

void PolicyBook::note_end(std::string_view remedy, std::string_view target, Moment when) {
  const std::lock_guard lock(mutex_);
  histories_[{std::string(remedy), std::string(target)}].ended = std::move(when);
}

void PolicyBook::prune(History& history) const {
  while (history.attempts.size() > kMaxAttempts ||
         (!history.attempts.empty() && age(history.attempts.front(), clock_) > horizon_)) {
    history.attempts.pop_front();
  }
}

const PolicyBook::History* PolicyBook::find(std::string_view remedy, std::string_view target) const {
  const auto found = histories_.find(std::pair(std::string(remedy), std::string(target)));
  return found != histories_.end() ? &found->second : nullptr;
}

std::vector<Duration> PolicyBook::ages_within(const History& history, Duration window) const {
  std::vector<Duration> ages;
  for (const Moment& attempt : history.attempts) {
    if (const Duration passed = age(attempt, clock_); passed < window) ages.push_back(passed);
  }
  // Over a reboot with a wall clock that jumped, the order of ages need not be the order of attempts.
  std::sort(ages.begin(), ages.end());
  return ages;
}

Decision PolicyBook::decide(std::string_view remedy, std::string_view target,
                            const PolicySpec& policy) const {
  if (std::optional<Decision> pause = paused(remedy)) return *std::move(pause);
  const std::lock_guard lock(mutex_);
  if (const History* history = find(remedy, target)) {
    Duration since = Duration::max();
    if (!history->attempts.empty()) since = age(history->attempts.back(), clock_);
    if (history->ended) since = std::min(since, age(*history->ended, clock_));
    if (since < policy.cooldown) {
      const Duration left = policy.cooldown - since;
      return {Suppression::cooldown,
              fmt::format("ran {} ago, cooldown {}; again at {}", for_people(since),
                          format_duration(policy.cooldown), clock_time(clock_, left)),
              left};
    }
  }
  if (std::optional<Decision> budget = over_budget(remedy, target, policy)) return *std::move(budget);
  if (policy.mode == Mode::dry_run) {
    return {Suppression::dry_run, "the remedy is in dry-run: it says what it would do and does nothing",
            std::nullopt};
  }
  return {};
}

std::optional<Decision> PolicyBook::over_budget(std::string_view remedy, std::string_view target,
                                                const PolicySpec& policy) const {
  const History* history = find(remedy, target);
  const std::vector<Duration> ages =
      history != nullptr ? ages_within(*history, policy.budget_per) : std::vector<Duration>();
  const auto allowed = static_cast<std::size_t>(std::max(0, policy.budget_runs));
  if (ages.size() < allowed) return std::nullopt;
  if (allowed == 0) return Decision{Suppression::budget, "its budget is 0 runs", std::nullopt};
  // A run is free again when so many have left the window that fewer than `allowed` remain.
  const Duration left = policy.budget_per - ages[allowed - 1];
  return Decision{Suppression::budget,
                  fmt::format("{} runs in the last {}, {} allowed; the next at {}", ages.size(),
                              format_duration(policy.budget_per), allowed, clock_time(clock_, left)),
                  left};
}

bool PolicyBook::exhausted(std::string_view remedy, std::string_view target, const PolicySpec& policy) const {
  const std::lock_guard lock(mutex_);
  return over_budget(remedy, target, policy).has_value();
}

void PolicyBook::pause(std::string_view remedy, std::optional<Duration> length) {
  const std::lock_guard lock(mutex_);
  pauses_[std::string(remedy)] = {moment_now(clock_), length};
}

void PolicyBook::resume(std::string_view remedy) {
  const std::lock_guard lock(mutex_);
  if (remedy.empty()) {
    pauses_.clear();
  } else {
    pauses_.erase(std::string(remedy));
  }
}

std::optional<Decision> PolicyBook::paused(std::string_view remedy) const {
  const std::lock_guard lock(mutex_);
  for (const std::string_view name : {std::string_view(), remedy}) {
    const auto found = pauses_.find(std::string(name));
    if (found == pauses_.end()) continue;
    const Pause& pause = found->second;
    const std::string what = name.empty() ? "all remedies are paused" : fmt::format("{} is paused", name);
    if (!pause.length) return Decision{Suppression::paused, what + " until resumed", std::nullopt};
    const Duration left = *pause.length - age(pause.since, clock_);
    if (left <= Duration::zero()) continue;
    return Decision{Suppression::paused, fmt::format("{} until {}", what, clock_time(clock_, left)), left};
  }
  return std::nullopt;
}

std::string PolicyBook::save_pauses() const {
  const std::lock_guard lock(mutex_);
  nlohmann::json json = nlohmann::json::array();
  for (const auto& [remedy, pause] : pauses_) {
    if (pause.length && age(pause.since, clock_) >= *pause.length) continue;
    nlohmann::json entry = {{"remedy", remedy}, {"since", to_json(pause.since)}};
    if (pause.length) entry["length_ns"] = pause.length->count();
    json.push_back(std::move(entry));
  }
  return json.empty() ? std::string() : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status PolicyBook::restore_pauses(std::string_view text) {
  std::map<std::string, Pause> pauses;
  if (!text.empty()) {
    try {
      for (const nlohmann::json& entry : nlohmann::json::parse(text)) {
        Pause pause{moment_from_json(entry.at("since")), std::nullopt};
        if (entry.contains("length_ns")) pause.length = Duration(entry.at("length_ns").get<std::int64_t>());
        pauses[entry.at("remedy").get<std::string>()] = std::move(pause);
      }
    } catch (const nlohmann::json::exception& fault) {
      return Error(ErrorCode::corrupt, fmt::format("the saved pauses cannot be read: {}", fault.what()));
    }
  }
  const std::lock_guard lock(mutex_);
  pauses_ = std::move(pauses);
  return {};
}

}  // namespace chiron::remediation
