#pragma once

#include "exporter/base/clock.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::agent {

/// A line of a plot, by ascending time.
struct PlotLine {
  std::string name;
  std::vector<std::pair<TimestampMs, double>> points = {};
};

struct PlotOptions {
  std::size_t columns = 80;  ///< of the terminal
  std::size_t rows = 15;     ///< of the drawing, without axes and legend
  TimestampMs start = 0, end = 0;
  Duration step{};      ///< points further apart than one and a half are not joined
  bool utf8 = false;    ///< dots of Braille patterns (U+2800), else letters
  bool colour = false;  ///< a colour for each line, by escape sequences (ECMA-48, SGR)
};

/// Lines over time with axes (values at the left, times in UTC below) and a legend with the least, mean,
/// greatest and last value of each. What is not finite is not drawn. `name`s are taken to be printable.
std::string plot(const std::vector<PlotLine>& lines, const PlotOptions& options);

/// 1.5 k, 12 G, 0.25: short, for people.
std::string short_number(double value);

}  // namespace chiron::agent
