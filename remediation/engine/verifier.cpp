#include "remediation/engine/verifier.h"

#include "exporter/base/parse.h"
#include "remediation/engine/expansion.h"
#include "rules/promql/promql.h"

#include <cmath>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(50);
// After a look that found no cure the next frame is asked for later and later, up to the usual sampling
// interval.
constexpr Duration kFirstPause = std::chrono::milliseconds(250);
constexpr Duration kLongestPause = std::chrono::seconds(5);

bool holds(const promql::Value& value) {
  if (const auto* vector = std::get_if<promql::Vector>(&value)) return !vector->empty();
  // scalar() of nothing is NaN.
  if (const auto* scalar = std::get_if<promql::Scalar>(&value)) {
    return scalar->v != 0 && !std::isnan(scalar->v);
  }
  return false;
}

}  // namespace

void FrameGate::advance(BootTime boot) {
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, boot);
  changed_.notify_all();
}

BootTime FrameGate::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::optional<BootTime> FrameGate::wait(BootTime after, BootTime deadline, const Clock& clock,
                                        const CancelToken& cancel) const {
  std::unique_lock lock(mutex_);
  while (newest_ <= after) {
    if (cancel.cancelled() || clock.boot() >= deadline) return std::nullopt;
    changed_.wait_for(lock, kLook);
  }
  return newest_;
}

Result<bool> Verifier::healed(const Cure& cure) const {
  if (!cure.spec.expr) {
    Result<bool> still = services_.still_holds(*cure.alert);
    if (!still) return std::move(still).error();
    return !*still;
  }
  static const Labels kNone;
  rules::TemplateData data;
  data.labels = cure.alert ? &cure.alert->labels : &kNone;
  data.value = cure.alert ? cure.alert->value : 0;
  data.target = cure.target;
  Result<std::string> text = expand_expression(*cure.spec.expr, data);
  if (!text) return std::move(text).error();
  promql::Parsed parsed = promql::parse(*text, cure.spec.features);
  if (!parsed.ok()) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("{}: {}", *text,
                             parsed.errors.empty() ? "cannot be parsed" : parsed.errors.front().message));
  }
  promql::Limits limits;
  limits.delayed_name_removal = cure.spec.features.delayed_name_removal;
  limits.annotations = false;
  promql::Query query(parsed.expr, services_.store, limits);
  Result<promql::Value> value = query.instant(services_.store.newest());
  if (!value) return std::move(value).error();
  return holds(*value);
}

Verdict Verifier::verify(const Cure& cure, BootTime ended, const CancelToken& cancel) const {
  const BootTime deadline = ended + cure.spec.within;
  BootTime seen = ended;
  BootTime ask = ended;
  Duration pause = kFirstPause;
  std::string last = "no frame was taken after the action ended";
  while (!cancel.cancelled()) {
    const BootTime now = services_.clock.boot();
    if (now >= ask) {
      services_.want_frame();
      ask = now + pause;
      pause = std::min(pause * 2, kLongestPause);
    }
    const std::optional<BootTime> frame =
        services_.frames.wait(seen, std::min(ask, deadline), services_.clock, cancel);
    if (frame) {
      seen = *frame;
      const Result<bool> cured = healed(cure);
      if (cured && *cured) return {RunState::succeeded, "verified"};
      const std::string_view unhealed =
          cure.spec.expr ? "the verification does not hold" : "the alert still holds";
      last = cured ? std::string(unhealed) : cured.error().to_string();
    }
    if (services_.clock.boot() >= deadline) {
      return {RunState::ineffective,
              fmt::format("{} {} after the action", last, format_duration(cure.spec.within))};
    }
  }
  return {RunState::cancelled, "cancelled while it was verified"};
}

}  // namespace chiron::remediation
