#include "remediation/ledger/ledger.h"

namespace chiron::remediation {
namespace {

constexpr std::array<std::pair<RunState, std::string_view>, 10> kStates{{
    {RunState::planned, "planned"},
    {RunState::suppressed, "suppressed"},
    {RunState::running, "running"},
    {RunState::verifying, "verifying"},
    {RunState::succeeded, "succeeded"},
    {RunState::ineffective, "ineffective"},
    {RunState::failed, "failed"},
    {RunState::timed_out, "timed_out"},
    {RunState::cancelled, "cancelled"},
    {RunState::interrupted, "interrupted"},
}};

}  // namespace

std::string_view to_string(RunState state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "failed";
}

std::optional<RunState> parse_run_state(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return std::nullopt;
}

bool waits_for_approval(const RunRecord& run) {
  return run.state == RunState::planned && run.mode == "approval" && !run.finished;
}

bool is_final(RunState state) { return state != RunState::running && state != RunState::verifying; }

Moment moment_now(const Clock& clock) { return {clock.wall(), clock.boot(), clock.boot_id()}; }

Duration age(const Moment& then, const Clock& clock) {
  const Duration uptime = clock.boot().time_since_epoch();
  if (then.boot_id == clock.boot_id()) return std::max(Duration::zero(), clock.boot() - then.boot);
  // Far from what nanoseconds hold, whatever a damaged ledger says.
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 366 * 100);
  if (then.wall <= clock.wall() - kLongest) return kLongest;
  return std::max<Duration>(uptime, then.wall < clock.wall() ? clock.wall() - then.wall : Duration::zero());
}

}  // namespace chiron::remediation
