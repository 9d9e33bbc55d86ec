#include "remediation/policy/past.h"

namespace chiron::remediation {
namespace {

// No remedy is worth more attempts within its budget's length; more are not remembered.
constexpr std::size_t kMaxAttempts = 1000;

}  // namespace

Outcome outcome_of(RunState state) {
  switch (state) {
    case RunState::succeeded:
      return Outcome::helped;
    case RunState::cancelled:
      return Outcome::called_off;
    case RunState::ineffective:
    case RunState::failed:
    case RunState::timed_out:
    case RunState::interrupted:
      return Outcome::in_vain;
    case RunState::suppressed:
      return Outcome::left_alone;
    case RunState::planned:
    case RunState::running:
    case RunState::verifying:
      break;
  }
  return Outcome::under_way;
}

bool has_acted(RunState state) { return state != RunState::planned && state != RunState::suppressed; }

void History::end(Moment when, RunState state) {
  if (attempts_.empty()) return;
  attempts_.back().ended = std::move(when);
  attempts_.back().outcome = outcome_of(state);
}

void History::prune(Duration horizon, const Clock& clock) {
  while (attempts_.size() > kMaxAttempts ||
         (attempts_.size() > kAlwaysKept && age(attempts_.front().started, clock) > horizon)) {
    attempts_.pop_front();
  }
}

Past History::past(const Clock& clock) const {
  Past past;
  past.reserve(attempts_.size());
  for (const Attempt& attempt : attempts_) {
    PastAttempt one{age(attempt.started, clock), std::nullopt, attempt.outcome};
    if (attempt.ended) one.ended = age(*attempt.ended, clock);
    past.push_back(one);
  }
  return past;
}

}  // namespace chiron::remediation
