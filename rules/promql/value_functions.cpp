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
  std::chrono::sys_days day;
  std::chrono::year_month_day date;
  std::int64_t seconds_of_day;
};
// Of a value in unix seconds, UTC. What is beyond the calendar is kept at its ends.
Date date(double v) {
  constexpr double kLast = 32'000.0 * 366 * 86'400;
  const auto seconds = std::isnan(v) ? 0 : static_cast<std::int64_t>(std::clamp(v, -kLast, kLast));
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {day, std::chrono::year_month_day(day), (time - day).count()};
}

double minute(double v, const Parameters&) {
  const std::int64_t whole = date(v).seconds_of_day / 60 % 60;
  return static_cast<double>(whole);
}
double hour(double v, const Parameters&) {
  const std::int64_t whole = date(v).seconds_of_day / 3600;
  return static_cast<double>(whole);
}
double day_of_week(double v, const Parameters&) { return std::chrono::weekday(date(v).day).c_encoding(); }
double day_of_month(double v, const Parameters&) { return static_cast<unsigned>(date(v).date.day()); }
double month(double v, const Parameters&) { return static_cast<unsigned>(date(v).date.month()); }
double year(double v, const Parameters&) { return static_cast<int>(date(v).date.year()); }
double day_of_year(double v, const Parameters&) {
  const Date d = date(v);
  const std::chrono::sys_days new_year{d.date.year() / std::chrono::January / 1};
  return static_cast<double>((d.day - new_year).count() + 1);
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
    ValueFunctionRow{"clamp", clamp},
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
