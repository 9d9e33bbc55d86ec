#pragma once

#include "remediation/ledger/ledger.h"

#include <deque>
#include <optional>
#include <vector>

namespace chiron::remediation {

/// What became of an attempt, as far as policy cares.
enum class Outcome {
  under_way,
  helped,
  in_vain,     ///< ineffective, failed, timed out, or interrupted: nobody knows whether it helped
  called_off,  ///< by a person: says nothing about the remedy
  left_alone   ///< it did nothing, since the target is somebody else's: no run that a budget counts
};
Outcome outcome_of(RunState state);
/// Whether a run in that state did anything, or may have.
bool has_acted(RunState state);

struct Attempt {
  Moment started;
  std::optional<Moment> ended{};
  Outcome outcome = Outcome::under_way;
};

/// An attempt as judged: how long ago it began and ended, by age().
struct PastAttempt {
  Duration started{};
  std::optional<Duration> ended{};
  Outcome outcome = Outcome::under_way;

  /// Since it was last at work.
  Duration quiet() const { return ended ? std::min(started, *ended) : started; }
};
/// Of one remedy on one target, oldest first.
using Past = std::vector<PastAttempt>;

/// The attempts of one remedy on one target. One thread.
class History {
 public:
  void begin(Moment when) { attempts_.push_back({std::move(when)}); }
  /// Of the newest attempt. Without effect when none is known any more.
  void end(Moment when, RunState state);
  void add(Attempt attempt) { attempts_.push_back(std::move(attempt)); }
  /// Forgets what is older than `horizon` and not among the newest.
  void prune(Duration horizon, const Clock& clock);
  Past past(const Clock& clock) const;
  bool empty() const { return attempts_.empty(); }
  /// Of one that is not empty.
  const Attempt& newest() const { return attempts_.back(); }

  /// That many are remembered however old they are, for breakers, which count attempts and not time.
  static constexpr std::size_t kAlwaysKept = 100;

 private:
  std::deque<Attempt> attempts_;  ///< oldest first
};

}  // namespace chiron::remediation
