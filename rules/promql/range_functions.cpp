#include "rules/promql/range_functions.h"

#include "rules/promql/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace chiron::promql {
namespace {

using Output = std::optional<double>;

double seconds(TimestampMs ms) { return static_cast<double>(ms) / 1000; }

// Prometheus' extrapolation (promql/functions.go, extrapolatedRate): the change between the first and the
// last sample is stretched to the ends of the window, but by no more than half an average gap where the
// series seems to start or end inside it, and for counters not beyond where the counter would have been zero.
Output extrapolated(const RangeInput& in, bool counter, bool per_second) {
  if (in.samples.size() < 2) return std::nullopt;
  const Sample& first = in.samples.front();
  const Sample& last = in.samples.back();
  double change = last.v - first.v;
  if (counter) {
    for (std::size_t i = 1; i < in.samples.size(); ++i) {
      if (in.samples[i].v < in.samples[i - 1].v) change += in.samples[i - 1].v;
    }
  }
  const double sampled = seconds(last.t - first.t);
  const double average = sampled / static_cast<double>(in.samples.size() - 1);
  const double threshold = average * 1.1;
  double to_start = seconds(first.t - in.after);
  double to_end = seconds(in.until - last.t);
  if (to_start >= threshold) to_start = average / 2;
  if (counter && change > 0 && first.v >= 0) to_start = std::min(to_start, sampled * (first.v / change));
  if (to_end >= threshold) to_end = average / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= seconds(in.until - in.after);
  return change * factor;
}

Output rate(const RangeInput& in) { return extrapolated(in, true, true); }
Output increase(const RangeInput& in) { return extrapolated(in, true, false); }
Output delta(const RangeInput& in) { return extrapolated(in, false, false); }

Output last_two(const RangeInput& in, bool counter) {
  if (in.samples.size() < 2) return std::nullopt;
  const Sample& previous = in.samples[in.samples.size() - 2];
  const Sample& last = in.samples.back();
  const double change = counter && last.v < previous.v ? last.v : last.v - previous.v;
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
  return line.slope() * in.parameter + line.intercept();
}

Output changes(const RangeInput& in) {
  double count = 0;
  for (std::size_t i = 1; i < in.samples.size(); ++i) {
    const double before = in.samples[i - 1].v;
    const double now = in.samples[i].v;
    if (now != before && !(std::isnan(now) && std::isnan(before))) ++count;
  }
  return count;
}
Output resets(const RangeInput& in) {
  double count = 0;
  for (std::size_t i = 1; i < in.samples.size(); ++i) {
    if (in.samples[i].v < in.samples[i - 1].v) ++count;
  }
  return count;
}

template <class Accumulator>
Output accumulate(const RangeInput& in) {
  Accumulator accumulator;
  for (const Sample& s : in.samples) accumulator.add(s.v);
  return accumulator.value();
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
  return quantile(in.parameter, in.scratch);
}

constexpr std::array kRows = {
    RangeFunctionRow{"avg_over_time", accumulate<Mean>},
    RangeFunctionRow{"changes", changes},
    RangeFunctionRow{"count_over_time", count},
    RangeFunctionRow{"delta", delta},
    RangeFunctionRow{"deriv", deriv},
    RangeFunctionRow{"first_over_time", first, true},
    RangeFunctionRow{"idelta", idelta},
    RangeFunctionRow{"increase", increase},
    RangeFunctionRow{"irate", irate},
    RangeFunctionRow{"last_over_time", last, true},
    RangeFunctionRow{"max_over_time", max},
    RangeFunctionRow{"min_over_time", min},
    RangeFunctionRow{"predict_linear", predict_linear},
    RangeFunctionRow{"present_over_time", present},
    RangeFunctionRow{"quantile_over_time", quantile_over_time},
    RangeFunctionRow{"rate", rate},
    RangeFunctionRow{"resets", resets},
    RangeFunctionRow{"stddev_over_time", stddev},
    RangeFunctionRow{"stdvar_over_time", accumulate<Variance>},
    RangeFunctionRow{"sum_over_time", accumulate<CompensatedSum>},
};

}  // namespace

const RangeFunctionRow* find_range_function(std::string_view name) {
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const RangeFunctionRow& r) { return r.name == name; });
  return row != kRows.end() ? &*row : nullptr;
}

}  // namespace chiron::promql
