#include "rules/promql/selectors.h"

#include "rules/promql/range_functions.h"

#include <algorithm>

namespace chiron::promql {

const std::vector<ResolvedSelector::Series>& ResolvedSelector::series(Context& context) {
  // Read before selecting: a series that appears in between is found at the next look.
  const std::uint64_t generation = context.reader.generation();
  if (generation == generation_ && epoch_ == context.sets.epoch()) return series_;
  generation_ = generation;
  epoch_ = context.sets.epoch();
  ids_.clear();
  series_.clear();
  context.reader.select(selector_.matchers, ids_);
  for (const SeriesId id : ids_) series_.push_back({id, context.sets.intern(context.reader.labels(id))});
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

const Elements& SelectorNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const TimestampMs until = moved(selector_.ast().modifiers, context, t);
  const TimestampMs after =
      until - std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.lookback).count();
  for (const ResolvedSelector::Series& series : selector_.series(context)) {
    if (!context.tick()) return out_;
    const std::optional<Sample> sample = context.reader.latest(series.id, after, until);
    if (!sample) continue;
    if (timestamps_) {
      out_.push_back(context.unnamed(series.labels, static_cast<double>(sample->t) / 1000));
    } else {
      out_.push_back({series.labels, sample->v});
    }
  }
  if (timestamps_) context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

const Elements& SmoothedNode::eval(Context& context, TimestampMs t) {
  out_.clear();
  const TimestampMs at = moved(selector_.ast().modifiers, context, t);
  const TimestampMs lookback =
      std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.lookback).count();
  for (const ResolvedSelector::Series& series : selector_.series(context)) {
    if (!context.tick()) return out_;
    samples_.clear();
    context.reader.range(series.id, at - lookback, at + lookback, samples_);
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
  context.hold(charge_, out_.size());
  return out_;
}

const Windows& RangeSelectorNode::eval(Context& context, TimestampMs t) {
  out_.samples.clear();
  out_.series.clear();
  out_.until = moved(selector_.ast().modifiers, context, t);
  out_.after = out_.until - resolved_ms(matrix_.range_ms, matrix_.range_expr, context);
  const Extended extended = selector_.ast().extended;
  const TimestampMs lookback =
      extended == Extended::none
          ? 0
          : std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.lookback).count();
  const TimestampMs from = out_.after - lookback;
  const TimestampMs to = out_.until + (extended == Extended::smoothed ? lookback : 0);
  for (const ResolvedSelector::Series& series : selector_.series(context)) {
    if (!context.tick()) return out_;
    const std::size_t begin = out_.samples.size();
    context.reader.range(series.id, from, to, out_.samples);
    if (out_.samples.size() == begin) continue;
    out_.series.push_back({series.labels, begin, out_.samples.size(), false});
    if (!context.hold(charge_, out_.samples.size())) return out_;
  }
  context.hold(charge_, out_.samples.size());
  return out_;
}

const Windows& SubqueryNode::eval(Context& context, TimestampMs t) {
  points_.clear();
  out_.series.clear();
  out_.samples.clear();
  out_.until = moved(subquery_.modifiers, context, t);
  out_.after = out_.until - resolved_ms(subquery_.range_ms, subquery_.range_expr, context);
  const std::int64_t step =
      subquery_.step_ms
          ? resolved_ms(*subquery_.step_ms, subquery_.step_expr, context)
          : std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.subquery_step).count();
  if (context.failed()) return out_;
  // Steps lie on multiples of the step since the epoch, whatever the evaluation time; the division truncates.
  TimestampMs at = step * (out_.after / step);
  if (at <= out_.after) at += step;
  slots_.start(context.sets);
  for (; at <= out_.until && context.tick(); at += step) {
    const Elements& elements = inner_->eval(context, at);
    if (context.limits.delayed_name_removal) context.check_distinct(elements);
    for (const Element& element : elements) {
      std::uint32_t& slot = slots_[element.labels];
      if (slot == Slots::kEmpty) {
        slot = static_cast<std::uint32_t>(out_.series.size());
        out_.series.push_back({element.labels, 0, 0, element.drop_name});
      }
      ++out_.series[slot].end;
      points_.push_back({slot, {at, element.v}});
    }
    // Twice: the points, and the samples they are sorted into.
    if (!context.hold(charge_, points_.size() * 2)) return out_;
  }
  gather();
  return out_;
}

// Sorts the points by series. Until here `end` counts the series' points.
void SubqueryNode::gather() {
  std::size_t begin = 0;
  for (Windows::Series& series : out_.series) {
    const std::size_t count = series.end;
    series.begin = series.end = begin;
    begin += count;
  }
  out_.samples.resize(points_.size());
  for (const Point& point : points_) out_.samples[out_.series[point.series].end++] = point.sample;
}

}  // namespace chiron::promql
