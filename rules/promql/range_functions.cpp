#include "rules/promql/range_functions.h"

#include "rules/promql/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

namespace chiron::promql {
namespace {

using Output = std::optional<double>;

double seconds(TimestampMs ms) { return static_cast<double>(ms) / 1000; }

// Whether the counter began anew before the i-th sample, as its start timestamp has it. One that is the time
// of the sample before means so in a series of deltas, whose samples all begin there; where the sample before
// knew no start of its own, it is only the oldest time that was seen (OpenTelemetry's data model, "unknown
// start time"). A start at or after its own sample is none.
bool started_anew(const RangeInput& in, std::size_t i) {
  if (in.starts.empty()) return false;
  const TimestampMs start = in.starts[i];
  const TimestampMs before = in.samples[i - 1].t;
  if (start == 0 || start >= in.samples[i].t || start < before) return false;
  return start > before || (in.starts[i - 1] != 0 && in.starts[i - 1] < before);
}
bool is_reset(const RangeInput& in, std::size_t i) {
  return in.samples[i].v < in.samples[i - 1].v || started_anew(in, i);
}

// Prometheus' extrapolation (promql/functions.go, extrapolatedRate): the change between the first and the
// last sample is stretched to the ends of the window, but by no more than half an average gap where the
// series seems to start or end inside it, and for counters not beyond where the counter would have been zero.
// A counter known to have started inside the window was zero there.
Output extrapolated(const RangeInput& in, bool counter, bool per_second) {
  const Sample& first = in.samples.front();
  const Sample& last = in.samples.back();
  const bool from_zero =
      counter && !in.starts.empty() && in.starts[0] != 0 && in.starts[0] > in.after && in.starts[0] < first.t;
  const std::size_t gaps = in.samples.size() - 1;
  if (gaps == 0 && !from_zero) return std::nullopt;
  double change = last.v - first.v;
  if (counter) {
    for (std::size_t i = 1; i < in.samples.size(); ++i) {
      if (is_reset(in, i)) change += in.samples[i - 1].v;
    }
  }
  double sampled = seconds(last.t - first.t);
  const double average = gaps == 0 ? 0 : sampled / static_cast<double>(gaps);
  const double threshold = average * 1.1;
  double to_start = seconds(first.t - in.after);
  double to_end = seconds(in.until - last.t);
  if (from_zero) {
    to_start = 0;
    sampled = seconds(last.t - in.starts[0]);
    change += first.v;
  } else {
    if (to_start >= threshold) to_start = average / 2;
    if (counter && change > 0 && first.v >= 0) to_start = std::min(to_start, sampled * (first.v / change));
  }
  if (to_end >= threshold) to_end = average / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= seconds(in.until - in.after);
  return change * factor;
}

// Where a window that is anchored or smoothed begins and ends among samples that reach beyond it.
struct Bounds {
  std::size_t first, last;
};
std::optional<Bounds> bounds_of(std::span<const Sample> samples, TimestampMs after, TimestampMs until,
                                bool smoothed) {
  if (samples.empty()) return std::nullopt;
  const auto newest = samples.end() - 1;
  const auto inside = std::find_if(samples.begin(), newest, [&](const Sample& s) { return s.t > after; });
  auto last = newest;
  if (smoothed) last = std::find_if(samples.begin(), newest, [&](const Sample& s) { return s.t >= until; });
  const auto first = inside == samples.begin() ? inside : inside - 1;
  if (last->t <= after) return std::nullopt;
  return Bounds{static_cast<std::size_t>(first - samples.begin()),
                static_cast<std::size_t>(last - samples.begin())};
}

// The values at the ends of the window.
struct Ends {
  double left, right;
};
Ends ends_of(std::span<const Sample> samples, const Bounds& at, TimestampMs after, TimestampMs until,
             bool smoothed, bool counter) {
  Ends ends{samples[at.first].v, samples[at.last].v};
  if (smoothed && samples[at.first].t < after) {
    ends.left = interpolate(samples[at.first], samples[at.first + 1], after, counter);
  }
  if (smoothed && at.last > 0 && samples[at.last].t > until) {
    ends.right = interpolate(samples[at.last - 1], samples[at.last], until, counter);
  }
  return ends;
}

// The samples strictly within the window, by the bounds around it.
std::span<const Sample> within(std::span<const Sample> samples, const Bounds& at, TimestampMs after,
                               TimestampMs until) {
  const std::size_t begin = at.first + (samples[at.first].t <= after ? 1 : 0);
  const std::size_t end = at.last + (samples[at.last].t >= until ? 0 : 1);
  return begin < end ? samples.subspan(begin, end - begin) : std::span<const Sample>();
}

// With anchored and smoothed nothing is extrapolated: the values at the ends of the window are taken from the
// samples around them.
Output extended(const RangeInput& in, bool counter, bool per_second) {
  const bool smoothed = in.extended == Extended::smoothed;
  const auto at = bounds_of(in.samples, in.after, in.until, smoothed);
  if (!at || (smoothed && in.samples[at->first].t > in.until)) return std::nullopt;
  const Ends ends = ends_of(in.samples, *at, in.after, in.until, smoothed, counter);
  double change = ends.right - ends.left;
  if (counter) {
    double previous = ends.left;
    for (const Sample& s : within(in.samples, *at, in.after, in.until)) {
      if (s.v < previous) change += previous;
      previous = s.v;
    }
    if (ends.right < previous) change += previous;
  }
  return per_second ? change / seconds(in.until - in.after) : change;
}

Output change_rate(const RangeInput& in, bool counter, bool per_second) {
  return in.extended == Extended::none ? extrapolated(in, counter, per_second)
                                       : extended(in, counter, per_second);
}
Output rate(const RangeInput& in) { return change_rate(in, true, true); }
Output increase(const RangeInput& in) { return change_rate(in, true, false); }
Output delta(const RangeInput& in) { return change_rate(in, false, false); }

Output last_two(const RangeInput& in, bool counter) {
  if (in.samples.size() < 2) return std::nullopt;
  const Sample& previous = in.samples[in.samples.size() - 2];
  const Sample& last = in.samples.back();
  const bool reset = counter && is_reset(in, in.samples.size() - 1);
  const double change = reset ? last.v : last.v - previous.v;
  if (last.t == previous.t) return std::nullopt;
  return counter ? change / seconds(last.t - previous.t) : change;
}
Output irate(const RangeInput& in) { return last_two(in, true); }
Output idelta(const RangeInput& in) { return last_two(in, false); }

LinearRegression regression(const RangeInput& in, TimestampMs origin) {
  LinearRegression line;
  for (const Sample& s : in.samples) line.add(seconds(s.t - origin), s.v);
  return line;
}
Output deriv(const RangeInput& in) {
  if (in.samples.size() < 2) return std::nullopt;
  return regression(in, in.samples.front().t).slope();
}
Output predict_linear(const RangeInput& in) {
  if (in.samples.size() < 2) return std::nullopt;
  const LinearRegression line = regression(in, in.now);
  return line.slope() * in.parameters[0] + line.intercept();
}

// With anchored the newest sample before the window is the first one compared. Nothing: none is in it.
std::span<const Sample> anchored_samples(const RangeInput& in) {
  if (in.extended != Extended::anchored) return in.samples;
  const auto inside =
      std::find_if(in.samples.begin(), in.samples.end(), [&](const Sample& s) { return s.t > in.after; });
  if (inside == in.samples.end()) return {};
  return {inside == in.samples.begin() ? inside : inside - 1, in.samples.end()};
}

Output changes(const RangeInput& in) {
  const std::span<const Sample> samples = anchored_samples(in);
  if (samples.empty()) return std::nullopt;
  double count = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const double before = samples[i - 1].v;
    const double now = samples[i].v;
    if (now != before && !(std::isnan(now) && std::isnan(before))) ++count;
  }
  return count;
}
Output resets(const RangeInput& in) {
  const std::span<const Sample> samples = anchored_samples(in);
  if (samples.empty()) return std::nullopt;
  double count = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].v < samples[i - 1].v || started_anew(in, i)) ++count;
  }
  return count;
}

template <class Accumulator>
Output accumulate(const RangeInput& in) {
  Accumulator accumulator;
  for (const Sample& s : in.samples) accumulator.add(s.v);
  return accumulator.value();
}

// What the accumulators come to where nothing is infinite.
std::optional<CompensatedSum> finite_sum(std::span<const Sample> samples) {
  CompensatedSum sum;
  for (const Sample& s : samples) sum.add_finite(s.v);
  return std::isfinite(sum.sum) ? std::optional(sum) : std::nullopt;
}
Output sum(const RangeInput& in) {
  const auto sum = finite_sum(in.samples);
  return sum ? sum->value() : accumulate<CompensatedSum>(in);
}
Output mean(const RangeInput& in) {
  const auto sum = finite_sum(in.samples);
  return sum ? Mean::of(*sum, static_cast<double>(in.samples.size())) : accumulate<Mean>(in);
}
Output stddev(const RangeInput& in) { return std::sqrt(*accumulate<Variance>(in)); }

Output min(const RangeInput& in) {
  double least = in.samples.front().v;
  for (const Sample& s : in.samples) {
    if (s.v < least || std::isnan(least)) least = s.v;
  }
  return least;
}
Output max(const RangeInput& in) {
  double most = in.samples.front().v;
  for (const Sample& s : in.samples) {
    if (s.v > most || std::isnan(most)) most = s.v;
  }
  return most;
}
Output count(const RangeInput& in) { return static_cast<double>(in.samples.size()); }
Output present(const RangeInput&) { return 1; }
Output first(const RangeInput& in) { return in.samples.front().v; }
Output last(const RangeInput& in) { return in.samples.back().v; }
Output quantile_over_time(const RangeInput& in) {
  in.scratch.clear();
  for (const Sample& s : in.samples) in.scratch.push_back(s.v);
  return quantile(in.parameters[0], in.scratch);
}

Output median_deviation(const RangeInput& in) {
  in.scratch.clear();
  for (const Sample& s : in.samples) {
    if (std::isnan(s.v)) return std::numeric_limits<double>::quiet_NaN();
    in.scratch.push_back(s.v);
  }
  const double median = quantile(0.5, in.scratch);
  for (double& value : in.scratch) value = std::fabs(value - median);
  return quantile(0.5, in.scratch);
}

// Holt's linear method: each value is smoothed, and so is the trend from one smoothed value to the next.
Output double_exponential_smoothing(const RangeInput& in) {
  if (in.samples.size() < 2) return std::nullopt;
  const auto& [smoothing, trend_factor] = in.parameters;
  double previous = 0;
  double smoothed = in.samples[0].v;
  double trend = in.samples[1].v - in.samples[0].v;
  for (std::size_t i = 1; i < in.samples.size(); ++i) {
    if (i > 1) trend = trend_factor * (smoothed - previous) + (1 - trend_factor) * trend;
    const double next = smoothing * in.samples[i].v + (1 - smoothing) * (smoothed + trend);
    previous = smoothed;
    smoothed = next;
  }
  return smoothed;
}

// Of several equal ones the last counts.
template <class Better>
Output time_of(const RangeInput& in, Better better) {
  const Sample* found = &in.samples.front();
  for (const Sample& s : in.samples) {
    if (better(s.v, found->v) || std::isnan(found->v)) found = &s;
  }
  return seconds(found->t);
}
Output time_of_max(const RangeInput& in) { return time_of(in, std::greater_equal<>()); }
Output time_of_min(const RangeInput& in) { return time_of(in, std::less_equal<>()); }
Output time_of_first(const RangeInput& in) { return seconds(in.samples.front().t); }
Output time_of_last(const RangeInput& in) { return seconds(in.samples.back().t); }

using Parameters = RangeFunctionRow::Parameters;

constexpr std::array kRows = {
    RangeFunctionRow{.name = "avg_over_time", .function = mean},
    RangeFunctionRow{.name = "changes", .function = changes, .anchored = true},
    RangeFunctionRow{.name = "count_over_time", .function = count},
    RangeFunctionRow{.name = "delta", .function = delta, .anchored = true, .smoothed = true},
    RangeFunctionRow{.name = "deriv", .function = deriv},
    RangeFunctionRow{.name = "double_exponential_smoothing",
                     .function = double_exponential_smoothing,
                     .parameters = Parameters::smoothing},
    RangeFunctionRow{.name = "first_over_time", .function = first, .keeps_name = true},
    RangeFunctionRow{.name = "idelta", .function = idelta},
    RangeFunctionRow{.name = "increase",
                     .function = increase,
                     .wants_counter = true,
                     .wants_starts = true,
                     .anchored = true,
                     .smoothed = true},
    RangeFunctionRow{.name = "irate", .function = irate, .wants_starts = true},
    RangeFunctionRow{.name = "last_over_time", .function = last, .keeps_name = true},
    RangeFunctionRow{.name = "mad_over_time", .function = median_deviation},
    RangeFunctionRow{.name = "max_over_time", .function = max},
    RangeFunctionRow{.name = "min_over_time", .function = min},
    RangeFunctionRow{.name = "predict_linear", .function = predict_linear},
    RangeFunctionRow{.name = "present_over_time", .function = present},
    RangeFunctionRow{
        .name = "quantile_over_time", .function = quantile_over_time, .parameters = Parameters::quantile},
    RangeFunctionRow{.name = "rate",
                     .function = rate,
                     .wants_counter = true,
                     .wants_starts = true,
                     .anchored = true,
                     .smoothed = true},
    RangeFunctionRow{.name = "resets", .function = resets, .wants_starts = true, .anchored = true},
    RangeFunctionRow{.name = "stddev_over_time", .function = stddev},
    RangeFunctionRow{.name = "stdvar_over_time", .function = accumulate<Variance>},
    RangeFunctionRow{.name = "sum_over_time", .function = sum},
    RangeFunctionRow{.name = "ts_of_first_over_time", .function = time_of_first},
    RangeFunctionRow{.name = "ts_of_last_over_time", .function = time_of_last},
    RangeFunctionRow{.name = "ts_of_max_over_time", .function = time_of_max},
    RangeFunctionRow{.name = "ts_of_min_over_time", .function = time_of_min},
};

}  // namespace

const RangeFunctionRow* find_range_function(std::string_view name) {
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const RangeFunctionRow& r) { return r.name == name; });
  return row != kRows.end() ? &*row : nullptr;
}

std::string functions_that_work_with(Extended extended) {
  std::string names;
  for (const RangeFunctionRow& row : kRows) {
    if (!(extended == Extended::anchored ? row.anchored : row.smoothed)) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names;
}

double interpolate(const Sample& before, const Sample& after, TimestampMs t, bool counter) {
  const double start = counter && after.v < before.v ? 0 : before.v;
  return start +
         (after.v - start) * static_cast<double>(t - before.t) / static_cast<double>(after.t - before.t);
}

void extend_to_bounds(std::span<const Sample> samples, TimestampMs after, TimestampMs until, bool smoothed,
                      std::vector<Sample>& out) {
  const auto at = bounds_of(samples, after, until, smoothed);
  if (!at) return;
  const Ends ends = ends_of(samples, *at, after, until, smoothed, false);
  out.push_back({after, ends.left});
  const std::span<const Sample> inner = within(samples, *at, after, until);
  out.insert(out.end(), inner.begin(), inner.end());
  out.push_back({until, ends.right});
}

}  // namespace chiron::promql
