#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/series/reader.h"
#include "remediation/engine/remedy_file.h"
#include "rules/engine/engine.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace chiron::remediation {

/// Tells waiting verifications that a frame is in the store. Thread-safe.
class FrameGate {
 public:
  /// A frame later than `boot` is in the store.
  void advance(BootTime boot);
  BootTime newest() const;
  /// Waits for a frame later than `after`; nothing when the deadline passes or it is cancelled first.
  std::optional<BootTime> wait(BootTime after, BootTime deadline, const Clock& clock,
                               const CancelToken& cancel) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  BootTime newest_{};  // guarded by mutex_
};

/// What to look at after the steps have ended.
struct Cure {
  VerifySpec spec;
  std::optional<rules::Alert> alert;
  std::string target;
};
struct Verdict {
  RunState state = RunState::succeeded;  ///< succeeded, ineffective, cancelled
  std::string detail;
};

/// Asks, on frames taken after the action ended only, whether it helped.
class Verifier {
 public:
  struct Services {
    const SeriesReader& store;
    const Clock& clock;
    const FrameGate& frames;
    std::function<void()> want_frame;
    std::function<Result<bool>(const rules::Alert&)> still_holds;
  };
  explicit Verifier(Services services) : services_(std::move(services)) {}

  /// Whether there is anything to verify: an expression, or an alert that should stop holding.
  static bool applies(const Cure& cure) { return cure.spec.expr.has_value() || cure.alert.has_value(); }
  /// Waits at most spec.within after `ended`.
  Verdict verify(const Cure& cure, BootTime ended, const CancelToken& cancel) const;
  /// One look at the newest samples. A non-empty vector, as in an alerting rule, or a scalar that is neither
  /// 0 nor NaN: healed.
  Result<bool> healed(const Cure& cure) const;

 private:
  Services services_;
};

}  // namespace chiron::remediation
