#include "rules/promql/numbers.h"
#include "rules/promql/vector_nodes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>

namespace chiron::promql {
namespace {

using Parameters = std::array<double, 2>;

template <double (*Function)(double)>
double of(double v, const Parameters&) {
  return Function(v);
}

double clamp(double v, const Parameters& p) { return go_max(p[0], go_min(p[1], v)); }
double clamp_min(double v, const Parameters& p) { return go_max(p[0], v); }
double clamp_max(double v, const Parameters& p) { return go_min(p[0], v); }
// Ties go up, also for negative numbers. Dividing by the inverse is exact where multiplying by 0.1 is not.
double round(double v, const Parameters& p) {
  const double inverse = 1 / p[0];
  return std::floor(v * inverse + 0.5) / inverse;
}
double sgn(double v, const Parameters&) { return v < 0 ? -1 : v > 0 ? 1 : v; }
double deg(double v, const Parameters&) { return v * 180 / std::numbers::pi; }
double rad(double v, const Parameters&) { return v * std::numbers::pi / 180; }

struct Date {
  std::chrono::year_month_day date;  // of the years 2001 to 2400, with which the calendar starts over
  std::int64_t year;
  std::uint64_t day;  // since a Monday
  std::uint64_t second;
};
// Of a value in unix seconds, UTC, for each there is of 64 bits: as Go's time.Time has it, which counts them
// from a year long ago that is 1 in its 400 years (time/time.go, absolute zero). What is no such number
// becomes the least one, as x86-64 converts it.
Date date(double v) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  constexpr std::uint64_t kDaysOf400Years = 146'097;
  constexpr std::uint64_t kCyclesBefore = 730'692'561;  // of 400 years, from absolute zero to 2001
  constexpr std::int64_t kYear = 2001;
  constexpr auto kFirst = std::chrono::sys_days{std::chrono::year(kYear) / 1 / 1};
  constexpr std::uint64_t kDay = 86'400;
  const std::int64_t seconds =
      v >= -kEnd && v < kEnd ? static_cast<std::int64_t>(v) : std::numeric_limits<std::int64_t>::min();
  const std::uint64_t since = static_cast<std::uint64_t>(seconds) + kCyclesBefore * kDaysOf400Years * kDay -
                              static_cast<std::uint64_t>(kFirst.time_since_epoch().count()) * kDay;
  const std::uint64_t day = since / kDay;
  const std::uint64_t cycle = day / kDaysOf400Years;
  const std::chrono::days rest(static_cast<std::int64_t>(day % kDaysOf400Years));
  const std::chrono::year_month_day date(kFirst + rest);
  const auto cycles = static_cast<std::int64_t>(cycle) - static_cast<std::int64_t>(kCyclesBefore);
  return {date, 400 * cycles + static_cast<int>(date.year()), day, since % kDay};
}

double minute(double v, const Parameters&) { return static_cast<double>(date(v).second / 60 % 60); }
double hour(double v, const Parameters&) { return static_cast<double>(date(v).second / 3600); }
double day_of_week(double v, const Parameters&) { return static_cast<double>((date(v).day + 1) % 7); }
double day_of_month(double v, const Parameters&) { return static_cast<unsigned>(date(v).date.day()); }
double month(double v, const Parameters&) { return static_cast<unsigned>(date(v).date.month()); }
double year(double v, const Parameters&) { return static_cast<double>(date(v).year); }
double day_of_year(double v, const Parameters&) {
  const std::chrono::sys_days day{date(v).date};
  const std::chrono::sys_days new_year{date(v).date.year() / std::chrono::January / 1};
  return static_cast<double>((day - new_year).count() + 1);
}
double days_in_month(double v, const Parameters&) {
  const auto d = date(v).date;
  return static_cast<unsigned>((d.year() / d.month() / std::chrono::last).day());
}

constexpr std::array kRows = {
    ValueFunctionRow{"abs", of<std::fabs>},
    ValueFunctionRow{"acos", of<std::acos>},
    ValueFunctionRow{"acosh", of<std::acosh>},
    ValueFunctionRow{"asin", of<std::asin>},
    ValueFunctionRow{"asinh", of<std::asinh>},
    ValueFunctionRow{"atan", of<std::atan>},
    ValueFunctionRow{"atanh", of<std::atanh>},
    ValueFunctionRow{"ceil", of<std::ceil>},
    ValueFunctionRow{"clamp", clamp, {}, true},
    ValueFunctionRow{"clamp_max", clamp_max},
    ValueFunctionRow{"clamp_min", clamp_min},
    ValueFunctionRow{"cos", of<std::cos>},
    ValueFunctionRow{"cosh", of<std::cosh>},
    ValueFunctionRow{"day_of_month", day_of_month},
    ValueFunctionRow{"day_of_week", day_of_week},
    ValueFunctionRow{"day_of_year", day_of_year},
    ValueFunctionRow{"days_in_month", days_in_month},
    ValueFunctionRow{"deg", deg},
    ValueFunctionRow{"exp", of<std::exp>},
    ValueFunctionRow{"floor", of<std::floor>},
    ValueFunctionRow{"hour", hour},
    ValueFunctionRow{"ln", of<std::log>},
    ValueFunctionRow{"log10", of<std::log10>},
    ValueFunctionRow{"log2", of<std::log2>},
    ValueFunctionRow{"minute", minute},
    ValueFunctionRow{"month", month},
    ValueFunctionRow{"rad", rad},
    ValueFunctionRow{"round", round, {1, 0}},
    ValueFunctionRow{"sgn", sgn},
    ValueFunctionRow{"sin", of<std::sin>},
    ValueFunctionRow{"sinh", of<std::sinh>},
    ValueFunctionRow{"sqrt", of<std::sqrt>},
    ValueFunctionRow{"tan", of<std::tan>},
    ValueFunctionRow{"tanh", of<std::tanh>},
    ValueFunctionRow{"year", year},
};

}  // namespace

const ValueFunctionRow* find_value_function(std::string_view name) {
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const ValueFunctionRow& r) { return r.name == name; });
  return row != kRows.end() ? &*row : nullptr;
}

}  // namespace chiron::promql
