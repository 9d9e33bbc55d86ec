#pragma once

#include "exporter/base/systemd.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chiron::testing {

/// What a FakeSystemd answers with, and what was asked of it. Shared, because actions and collectors own
/// their manager.
struct FakeSystemdState {
  std::map<std::string, UnitState> units;      // by canonical name
  std::map<std::string, std::string> aliases;  // to canonical names
  std::string system_state = "running";
  std::string version = "252.39-1~deb12u1";
  std::optional<Error> failure;  // of every call
  std::string job_result = "done";
  bool start_limit_hit = false;                   // jobs are refused until reset_failed
  std::function<void(UnitState&)> before_job;     // what somebody else does to a unit before a job is queued
  std::function<void(UnitState&)> after_refusal;  // and after one was refused at a start limit
  std::map<std::string, UnitState> after_job;     // what a job makes of a unit
  std::map<std::string, UnitState> settled;       // and what it is a moment later
  std::map<std::pair<std::string, std::string>, std::uint64_t> numbers;  // by unit and property
  bool deaf = false;                                                     // set_numbers changes nothing
  std::vector<std::string> calls;  // "restart a.service", "unit b.service"
};

/// systemd as the test has it, for what a real one cannot be brought to in a unit test.
class FakeSystemd final : public SystemdManager {
 public:
  explicit FakeSystemd(std::shared_ptr<FakeSystemdState> state) : state_(std::move(state)) {}

  Result<std::vector<UnitSummary>> list_units(Duration) override {
    if (state_->failure) return *state_->failure;
    std::vector<UnitSummary> rows;
    for (const auto& [name, unit] : state_->units) {
      rows.push_back({name, "", unit.load_state, unit.active_state, unit.sub_state});
    }
    return rows;
  }
  Result<UnitState> unit(std::string_view name, Duration) override {
    state_->calls.push_back("unit " + std::string(name));
    if (state_->failure) return *state_->failure;
    const auto alias = state_->aliases.find(std::string(name));
    const auto found = state_->units.find(alias == state_->aliases.end() ? std::string(name) : alias->second);
    if (found == state_->units.end())
      return Error(ErrorCode::not_found, "unit " + std::string(name) + " does not exist");
    return found->second;
  }
  Result<std::string> system_state(Duration) override { return answer(state_->system_state); }
  Result<std::string> version(Duration) override { return answer(state_->version); }
  Result<JobOutcome> run_job(const JobRequest& request, const CancelToken&) override {
    const std::string& name = request.unit;
    if (state_->failure) return *state_->failure;
    if (state_->before_job) state_->before_job(state_->units[name]);
    if (Status allowed = request.guard ? request.guard(state_->units[name]) : Status(); !allowed) {
      return std::move(allowed).error();
    }
    state_->calls.push_back(std::string(to_string(request.verb)) + " " + name);
    if (state_->start_limit_hit) {
      const JobOutcome refused{"failed", state_->units[name], state_->units[name]};
      if (state_->after_refusal) state_->after_refusal(state_->units[name]);
      return refused;
    }
    JobOutcome outcome{state_->job_result, state_->units[name], state_->units[name]};
    if (const auto after = state_->after_job.find(name); after != state_->after_job.end()) {
      outcome.after = state_->units[name] = after->second;
    }
    if (const auto settled = state_->settled.find(name); settled != state_->settled.end()) {
      state_->units[name] = settled->second;
    }
    return outcome;
  }
  Status reset_failed(std::string_view unit, Duration) override {
    state_->calls.push_back("reset-failed " + std::string(unit));
    state_->start_limit_hit = false;
    // As systemd 252 has it: the unit is inactive then, and nothing tells any more that it had failed.
    UnitState& state = state_->units[std::string(unit)];
    if (state.active_state == "failed") {
      state.active_state = "inactive";
      state.sub_state = "dead";
      state.result = "success";
    }
    return {};
  }
  Result<std::vector<std::uint64_t>> numbers(std::string_view unit,
                                             const std::vector<std::string>& properties, Duration) override {
    if (state_->failure) return *state_->failure;
    std::vector<std::uint64_t> values;
    for (const std::string& property : properties) {
      const auto found = state_->numbers.find({std::string(unit), property});
      if (found == state_->numbers.end()) return Error(ErrorCode::not_supported, "no property " + property);
      values.push_back(found->second);
    }
    return values;
  }
  Status set_numbers(std::string_view unit,
                     const std::vector<std::pair<std::string, std::uint64_t>>& properties,
                     Duration) override {
    if (state_->failure) return *state_->failure;
    for (const auto& [property, value] : properties) {
      state_->calls.push_back("set " + std::string(unit) + " " + property + "=" + std::to_string(value));
      if (!state_->deaf) state_->numbers[{std::string(unit), property}] = value;
    }
    return {};
  }

 private:
  Result<std::string> answer(const std::string& text) const {
    if (state_->failure) return *state_->failure;
    return text;
  }
  std::shared_ptr<FakeSystemdState> state_;
};

}  // namespace chiron::testing
