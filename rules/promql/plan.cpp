#include "rules/promql/plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// Label sets come and go with the series (and with count_values at every value). Well beyond what is in use,
// starting over is cheaper than keeping them.
constexpr std::size_t kFewestSets = 4096;
constexpr std::size_t kSetsPerUsed = 4;

// What a label set takes beside a sample's 16 bytes, roughly.
constexpr std::size_t kSamplesPerSet = 8;

}  // namespace

void Context::begin(TimestampMs first, TimestampMs last, const CancelToken* cancel) {
  work_ = kLookEvery;  // so that a token cancelled before is seen at once
  if (set_limit_ == 0) {
    set_limit_ = std::max(kFewestSets, kSetsPerUsed * sets.size());
  } else if (sets.size() > set_limit_) {
    sets.clear();
    set_limit_ = 0;
  }
  look_on();
  cancel_ = cancel;
  start = first;
  end = last;
  ++evaluation_;
  held_ = 0;
  sets_before_ = sets.size();
}

void Context::look_on() {
  error_.reset();
  cancel_ = nullptr;
  deadline_ = clock().boot() + limits.timeout;
}

void Context::fail(ErrorCode code, std::string message) {
  if (!error_) error_.emplace(code, std::move(message));
}

void Context::look_up() {
  work_ = 0;
  if (cancel_ != nullptr && cancel_->cancelled()) {
    fail(ErrorCode::cancelled, "query was canceled in expression evaluation");
  } else if (clock().boot() >= deadline_) {
    fail(ErrorCode::timed_out, "query timed out in expression evaluation");
  }
}

bool Context::hold(Charge& charge, std::size_t samples) {
  if (charge.evaluation != evaluation_) charge = {evaluation_, 0};
  held_ = held_ - charge.samples + samples;
  charge.samples = samples;
  const std::size_t made = kSamplesPerSet * (sets.size() - sets_before_);
  if (held_ + made <= limits.max_samples) return true;
  return too_many_samples();
}

bool Context::too_many_samples() {
  fail(ErrorCode::exhausted, "query processing would load too many samples into memory in query execution");
  return false;
}

void Context::check_unique(const Elements& elements) {
  if (elements.size() < 2) return;
  unique_.start(sets);
  for (const Element& element : elements) {
    if (!tick()) return;
    std::uint32_t& seen = unique_[element.labels];
    if (seen != Slots::kEmpty) {
      return fail(ErrorCode::failed_precondition, "vector cannot contain metrics with the same labelset");
    }
    seen = 1;
  }
}

}  // namespace chiron::promql
