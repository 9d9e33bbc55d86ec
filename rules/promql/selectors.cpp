#include "rules/promql/selectors.h"

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

TimestampMs moved(const Modifiers& modifiers, const Context& context, TimestampMs t) {
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
  return t - modifiers.offset_ms;
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
      out_.push_back({context.sets.without_name(series.labels), static_cast<double>(sample->t) / 1000});
    } else {
      out_.push_back({series.labels, sample->v});
    }
  }
  if (timestamps_) context.check_unique(out_);
  context.hold(charge_, out_.size());
  return out_;
}

const Windows& RangeSelectorNode::eval(Context& context, TimestampMs t) {
  out_.samples.clear();
  out_.series.clear();
  out_.until = moved(selector_.ast().modifiers, context, t);
  out_.after = out_.until - range_ms_;
  for (const ResolvedSelector::Series& series : selector_.series(context)) {
    if (!context.tick()) return out_;
    const std::size_t begin = out_.samples.size();
    context.reader.range(series.id, out_.after, out_.until, out_.samples);
    if (out_.samples.size() == begin) continue;
    out_.series.push_back({series.labels, begin, out_.samples.size()});
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
  out_.after = out_.until - subquery_.range_ms;
  const std::int64_t step = subquery_.step_ms.value_or(
      std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.subquery_step).count());
  // Steps lie on multiples of the step since the epoch, whatever the evaluation time; the division truncates.
  TimestampMs at = step * (out_.after / step);
  if (at <= out_.after) at += step;
  slots_.start(context.sets);
  for (; at <= out_.until && context.tick(); at += step) {
    for (const Element& element : inner_->eval(context, at)) {
      std::uint32_t& slot = slots_[element.labels];
      if (slot == Slots::kEmpty) {
        slot = static_cast<std::uint32_t>(out_.series.size());
        out_.series.push_back({element.labels, 0, 0});
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
