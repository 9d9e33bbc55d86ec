#include "rules/promql/selectors.h"

#include "rules/promql/range_functions.h"

#include <algorithm>
#include <utility>

namespace chiron::promql {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Writing waits while so many series are looked up.
constexpr std::size_t kAtOnce = 256;

}  // namespace

const std::vector<ResolvedSelector::Series>& ResolvedSelector::series(Context& context) {
  // Read before selecting: a series that appears in between is found at the next look.
  const std::uint64_t generation = context.reader.generation();
  if (generation == generation_ && epoch_ == context.sets.epoch()) return series_;
  generation_ = generation;
  epoch_ = context.sets.epoch();
  ++version_;
  ids_.clear();
  series_.clear();
  context.reader.select(selector_.matchers, ids_);
  for (const SeriesId id : ids_) {
    if (!context.tick()) break;
    series_.push_back({id, context.intern(context.reader.labels(id))});
  }
  if (context.reader.sorts_by_labels()) {
    sort_in_pieces(context, series_, [&sets = context.sets](const Series& a, const Series& b) {
      return sets[a.labels] < sets[b.labels];
    });
  }
  ids_.clear();
  for (const Series& one : series_) ids_.push_back(one.id);
  // What is not whole is resolved again the next time.
  if (context.failed()) generation_ = 0;
  return series_;
}

std::int64_t resolved_ms(std::int64_t ms, const DurationPtr& expr, Context& context, bool any_sign) {
  if (!expr) return ms;
  const Result<std::int64_t> computed = evaluate_duration(*expr, context.span(), any_sign);
  if (computed) return *computed;
  context.fail(ErrorCode::invalid_argument, computed.error().message());
  return ms;
}

TimestampMs moved(const Modifiers& modifiers, Context& context, TimestampMs t) {
  switch (modifiers.at) {
    case Modifiers::At::none:
      break;
    case Modifiers::At::time:
      t = modifiers.at_ms;
      break;
    case Modifiers::At::start:
      t = context.start;
      break;
    case Modifiers::At::end:
      t = context.end;
      break;
  }
  return t - resolved_ms(modifiers.offset_ms, modifiers.offset_expr, context, true);
}

Sequence::Move Sequence::next(const Context& context, TimestampMs until) {
  Move move = Move::first;
  if (evaluation_ == context.evaluation() && until >= until_)
    move = until == until_ ? Move::same : Move::forward;
  evaluation_ = context.evaluation();
  until_ = until;
  return move;
}

const Elements& SelectorNode::eval(Context& context, TimestampMs t) {
  if (show_ == Show::starts && !context.limits.start_timestamps) return out_;
  const TimestampMs until = moved(selector_.ast().modifiers, context, t);
  const TimestampMs after = until - duration_cast<milliseconds>(context.limits.lookback).count();
  const Sequence::Move move = sequence_.next(context, until);
  if (move == Sequence::Move::same) {
    context.count(out_.size(), 0);
    return out_;
  }
  out_.clear();
  if (move == Sequence::Move::first) ahead_.start();
  const bool done =
      move == Sequence::Move::first ? look_up(context, after, until) : look_ahead(context, after, until);
  if (!done) return out_;
  context.count(out_.size(), out_.size());
  if (show_ != Show::values) context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

bool SelectorNode::look_up(Context& context, TimestampMs after, TimestampMs until) {
  const std::vector<ResolvedSelector::Series>& series = selector_.series(context);
  latest_.resize(std::min(series.size(), kAtOnce));
  for (std::size_t begin = 0; begin < series.size(); begin += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, series.size() - begin);
    if (!context.tick(count)) return false;
    context.reader.latest(selector_.ids().subspan(begin, count), after, until,
                          std::span(latest_).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      if (latest_[i].t != SeriesReader::kNever) add(context, series[begin + i], latest_[i]);
    }
  }
  return true;
}

bool SelectorNode::look_ahead(Context& context, TimestampMs after, TimestampMs until) {
  if (!ahead_.advance(context, selector_, after, until)) return false;
  const std::vector<ResolvedSelector::Series>& series = selector_.series(context);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::span<const Sample> window = ahead_.window(i);
    if (!window.empty() && !is_stale(window.back().v)) add(context, series[i], window.back());
  }
  return true;
}

void SelectorNode::add(Context& context, const ResolvedSelector::Series& series, const Sample& sample) {
  if (show_ == Show::values) {
    out_.push_back({series.labels, sample.v});
    return;
  }
  TimestampMs t = sample.t;
  if (show_ == Show::starts) {
    const StartTimestamps* const starts = context.reader.starts();
    t = starts != nullptr ? starts->start_of(series.id, sample.t) : 0;
  }
  out_.push_back(context.unnamed(series.labels, static_cast<double>(t) / 1000));
}

const Elements& SmoothedNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const TimestampMs at = moved(selector_.ast().modifiers, context, t);
  const TimestampMs lookback =
      std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.lookback).count();
  for (const ResolvedSelector::Series& series : selector_.series(context)) {
    if (!context.tick()) return out_;
    samples_.clear();
    context.reader.range(series.id, at - lookback, at + lookback, SeriesReader::Markers::left_out, samples_);
    const auto next = std::lower_bound(samples_.begin(), samples_.end(), at,
                                       [](const Sample& s, TimestampMs when) { return s.t < when; });
    if (next != samples_.end() && next->t == at) {
      out_.push_back({series.labels, next->v});
    } else if (next != samples_.begin()) {
      const Sample& previous = *(next - 1);
      const double v = next == samples_.end() ? previous.v : interpolate(previous, *next, at, false);
      out_.push_back({series.labels, v});
    }
  }
  context.count(out_.size(), out_.size());
  context.hold(charge_, out_.size());
  return out_;
}

const Windows& RangeSelectorNode::eval(Context& context, TimestampMs t) {
  const TimestampMs until = moved(selector_.ast().modifiers, context, t);
  const Sequence::Move move = sequence_.next(context, until);
  if (move == Sequence::Move::same) {
    context.count(shown_, 0);
    return out_;
  }
  if (move == Sequence::Move::first) {
    ahead_.start();
    shown_until_ = SeriesReader::kNever;
  }
  out_.series.clear();
  out_.until = until;
  out_.after = until - resolved_ms(matrix_.range_ms, matrix_.range_expr, context);
  const Extended extended = selector_.ast().extended;
  const TimestampMs beyond =
      extended == Extended::none ? 0 : duration_cast<milliseconds>(context.limits.lookback).count();
  const TimestampMs to = extended == Extended::smoothed ? until + beyond : until;
  if (context.failed() || !ahead_.advance(context, selector_, out_.after - beyond, to)) return out_;
  const std::vector<ResolvedSelector::Series>& series = selector_.series(context);
  std::size_t fresh = 0;
  shown_ = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const std::span<const Sample> window = ahead_.window(i);
    if (!window.empty()) out_.series.push_back({series[i].labels, window, false, series[i].id});
    shown_ += window.size();
    for (auto it = window.rbegin(); it != window.rend() && it->t > shown_until_; ++it) ++fresh;
  }
  shown_until_ = to;
  context.count(shown_, fresh);
  context.hold(charge_, shown_);
  return out_;
}

const Windows& SubqueryNode::eval(Context& context, TimestampMs t) {
  const TimestampMs until = moved(subquery_.modifiers, context, t);
  const Sequence::Move move = sequence_.next(context, until);
  if (move == Sequence::Move::same) {
    context.count(points().size(), 0);
    return out_;
  }
  bool changed = move == Sequence::Move::first;
  if (changed) {
    points_.clear();
    first_ = 0;
    out_.series.clear();
  }
  out_.until = until;
  out_.after = until - resolved_ms(subquery_.range_ms, subquery_.range_expr, context);
  const std::int64_t step = subquery_.step_ms
                                ? resolved_ms(*subquery_.step_ms, subquery_.step_expr, context)
                                : duration_cast<milliseconds>(context.limits.subquery_step).count();
  if (context.failed()) return out_;
  // Steps lie on multiples of the step since the epoch, whatever the evaluation time; the division truncates.
  TimestampMs at = step * (out_.after / step);
  if (at <= out_.after) at += step;
  if (!changed) {
    changed = forget(out_.after) || next_ <= until;
    at = std::max(at, next_);
  }
  for (; at <= until && context.tick(); at += step) {
    const Context::InSubquery inside(context);
    const Elements& elements = inner_->eval(context, at);
    if (context.limits.delayed_name_removal) context.check_distinct(elements);
    for (const Element& element : elements) {
      if (!context.tick()) return out_;
      points_.push_back({element.labels, element.drop_name, {at, element.v}});
    }
    // Twice: the points, and the samples they are sorted into.
    if (!context.hold(charge_, points().size() * 2)) return out_;
  }
  next_ = at;
  context.count(points().size(), 0);
  if (changed) gather(context);
  return out_;
}

// Points up to `until` are out of every later window. Whether there were any.
bool SubqueryNode::forget(TimestampMs until) {
  const std::size_t before = first_;
  while (first_ < points_.size() && points_[first_].sample.t <= until) ++first_;
  const bool any = first_ != before;
  if (first_ <= points_.size() / 2) return any;
  points_.erase(points_.begin(), points_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  return any;
}

// Sorts the points by series, which come in the order they appear in.
void SubqueryNode::gather(Context& context) {
  out_.series.clear();
  ends_.clear();
  slots_.start(context.sets);
  for (const Point& point : points()) {
    if (!context.tick()) return;
    std::uint32_t& slot = slots_[point.labels];
    if (slot == Slots::kEmpty) {
      slot = static_cast<std::uint32_t>(out_.series.size());
      out_.series.push_back({point.labels, {}, point.drop_name, kNoSeries});
      ends_.push_back(0);
    }
    ++ends_[slot];
  }
  samples_.resize(points().size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    out_.series[i].samples = std::span(samples_).subspan(begin, ends_[i]);
    begin += std::exchange(ends_[i], begin);
  }
  for (const Point& point : points()) samples_[ends_[slots_[point.labels]]++] = point.sample;
}

}  // namespace chiron::promql
