#include "rules/promql/plan.h"

#include "rules/promql/numbers.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// Label sets come and go with the series (and with count_values at every value). Well beyond what is in use,
// starting over is cheaper than keeping them; and of what a query may hold they are to leave some.
constexpr std::size_t kFewestBytes = 1024 * 1024;
constexpr std::size_t kBytesPerUsed = 4;
constexpr std::size_t kPartOfQuery = 4;

// A query over bad data could say something about every series.
constexpr std::size_t kMostAnnotations = 200;

// RFC 3339 in UTC, whole seconds.
std::string utc_seconds(TimestampMs t) {
  const std::chrono::sys_seconds time{std::chrono::seconds(t / 1000)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

void Context::begin(TimestampMs first, TimestampMs last, std::int64_t step_ms, const CancelToken* cancel) {
  work_ = kLookEvery;  // so that a token cancelled before is seen at once
  const std::size_t used = sets.bytes();
  if (set_bytes_ == 0) {
    const std::size_t spare = limits.max_samples / kPartOfQuery * sizeof(Sample);
    set_bytes_ = std::max(kFewestBytes, std::min(kBytesPerUsed * used, used + spare));
  } else if (used > set_bytes_) {
    forget_sets();
  }
  look_on();
  cancel_ = cancel;
  start = first;
  end = last;
  step = step_ms;
  said_.clear();
  ++evaluation_;
  held_ = 0;
  counts_ = {};
}

void Context::forget_sets() {
  sets.clear();
  set_bytes_ = 0;
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
  return fits();
}

bool Context::too_many_samples() {
  fail(ErrorCode::exhausted, "query processing would load too many samples into memory in query execution");
  return false;
}

void Context::check_distinct(const Elements& elements) {
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

void Context::annotate(Annotation::Kind kind, TextPosition where, std::string message, const Forced* forced) {
  if (!limits.annotations) return;
  const auto known =
      std::find_if(said_.begin(), said_.end(), [&](const Said& s) { return s.message == message; });
  if (known == said_.end()) {
    if (said_.size() >= kMostAnnotations) return;
    said_.push_back({kind, where, std::move(message), forced ? std::optional(*forced) : std::nullopt, 0});
    return;
  }
  if (forced == nullptr || !known->forced) {
    known->where = where;
    return;
  }
  known->forced->first = std::min(known->forced->first, forced->first);
  known->forced->last = std::max(known->forced->last, forced->last);
  known->forced->least_bound = std::min(known->forced->least_bound, forced->least_bound);
  known->forced->greatest_bound = std::max(known->forced->greatest_bound, forced->greatest_bound);
  known->forced->difference = std::max(known->forced->difference, forced->difference);
  ++known->forced->more;
}

void Context::warn_counting(TextPosition where, std::string message) {
  const auto known =
      std::find_if(said_.begin(), said_.end(), [&](const Said& s) { return s.message == message; });
  if (known != said_.end()) {
    ++known->times;
  } else if (limits.annotations && said_.size() < kMostAnnotations) {
    said_.push_back({Annotation::Kind::warning, where, std::move(message), std::nullopt, 1});
  }
}

std::vector<Annotation> Context::annotations() const {
  std::vector<Annotation> out;
  for (const auto kind : {Annotation::Kind::warning, Annotation::Kind::info}) {
    for (const Said& said : said_) {
      if (said.kind != kind) continue;
      std::string text =
          fmt::format("PromQL {}: {}", kind == Annotation::Kind::warning ? "warning" : "info", said.message);
      if (said.forced) {
        const Forced& f = *said.forced;
        text += fmt::format(", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                            format_g(f.least_bound), format_g(f.greatest_bound), format_g2(f.difference),
                            f.more + 1, utc_seconds(f.first), utc_seconds(f.last));
      }
      if (said.times > 1) text += fmt::format(" ({} occurrences)", said.times);
      text += fmt::format(" ({}:{})", said.where.line, said.where.column);
      out.push_back({kind, std::move(text)});
    }
  }
  return out;
}

}  // namespace chiron::promql
