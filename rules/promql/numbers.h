#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

namespace chiron::promql {

/// Go's math.Min and math.Max, which PromQL shows: unlike with fmin(3) and fmax(3) NaN wins, but for the
/// infinity that nothing can exceed.
double go_min(double a, double b);
double go_max(double a, double b);

/// The order of sort() and of topk(): NaN comes last either way.
inline bool comes_before(double a, double b, bool descending) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return descending ? a > b : a < b;
}

/// Go's ParseInt(text, 0, 64): with a sign or not, in the base that 0x, 0o, 0b or a leading 0 tells,
/// underscores between digits; otherwise its ParseFloat, but for hexadecimal fractions.
std::optional<double> parse_go_number(std::string_view text);

/// Go's %g, for messages: shortest form, an exponent below 1e-4 and from 1e6 on.
std::string format_g(double value);
/// Go's %f, for messages: six digits after the point.
std::string format_f(double value);
/// Go's %.2g
std::string format_g2(double value);
/// A label value of OpenMetrics: 0.5, 1.0, 1e+06, +Inf.
std::string format_open_metrics(double value);

}  // namespace chiron::promql
