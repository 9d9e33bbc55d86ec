#include "agent/plot.h"

#include "agent/plot_canvas.h"
#include "agent/table.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr std::size_t kFewestColumns = 20;
constexpr std::size_t kRowsPerTick = 4;
constexpr std::size_t kMostInLegend = 20;

/// The range of the values, widened to multiples of a round step.
struct Scale {
  double low, high, step;

  static std::optional<Scale> of(const std::vector<PlotLine>& lines, std::size_t rows);
  /// Halves: the whole may be more than a double holds.
  double half() const { return high / 2 - low / 2; }
  double ratio(double value) const { return (value / 2 - low / 2) / half(); }
};

std::optional<Scale> Scale::of(const std::vector<PlotLine>& lines, std::size_t rows) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const PlotLine& line : lines) {
    for (const auto& [t, value] : line.points) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return std::nullopt;
  if (!(high / 2 - low / 2 > 0)) {
    constexpr double kMost = std::numeric_limits<double>::max();
    const double room = std::abs(low) / 2 > 0 ? std::abs(low) / 2 : 1;
    low = std::max(low - room, -kMost);
    high = std::min(high + room, kMost);
  }
  const double ticks = std::max<double>(2, static_cast<double>(rows / kRowsPerTick));
  const double rough = high / ticks - low / ticks;
  const double magnitude = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * magnitude;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude >= rough) {
      step = factor * magnitude;
      break;
    }
  }
  const Scale scale{std::floor(low / step) * step, std::ceil(high / step) * step, step};
  // Next to the largest and the smallest numbers there is nothing round.
  const bool drawable = std::isfinite(scale.high) && std::isfinite(scale.low) && scale.half() > 0 && step > 0;
  return drawable ? scale : Scale{low, high, high / 2 - low / 2};
}

/// HH:MM:SS, with the day where the range has several.
std::string time_text(TimestampMs t, bool with_day) {
  const std::string text = to_rfc3339(from_ms(t));
  return with_day ? text.substr(5, 5) + ' ' + text.substr(11, 5) : text.substr(11, 8);
}

std::size_t row_of(double value, const Scale& scale, std::size_t rows) {
  const double place = (1 - scale.ratio(value)) * static_cast<double>(rows - 1);
  return static_cast<std::size_t>(std::clamp(std::lround(place), 0L, static_cast<long>(rows) - 1));
}

std::vector<std::string> value_labels(const Scale& scale, std::size_t rows) {
  std::vector<std::string> labels(rows);
  const auto count = std::min<long>(std::lround(2 * (scale.half() / scale.step)), static_cast<long>(rows));
  for (long i = 0; i <= count; ++i) {
    double value = scale.low + static_cast<double>(i) * scale.step;
    if (std::abs(value) < scale.step * 1e-9) value = 0;
    labels[row_of(value, scale, rows)] = short_number(value);
  }
  return labels;
}

void draw(const PlotLine& line, std::size_t mark, const Scale& scale, const PlotOptions& options,
          PlotCanvas& canvas) {
  const double span = std::max<double>(1, static_cast<double>(options.end - options.start));
  const auto apart = std::chrono::duration_cast<std::chrono::milliseconds>(options.step * 3 / 2).count();
  std::optional<TimestampMs> before;
  long last_x = 0, last_y = 0;
  for (const auto& [t, value] : line.points) {
    if (!std::isfinite(value)) {
      before.reset();
      continue;
    }
    const double along = static_cast<double>(t - options.start) / span;
    const long x = std::lround(std::clamp(along, 0.0, 1.0) * static_cast<double>(canvas.width() - 1));
    const long y =
        std::lround(std::clamp(1 - scale.ratio(value), 0.0, 1.0) * static_cast<double>(canvas.height() - 1));
    const bool joined = before && t - *before <= apart;
    canvas.line(joined ? last_x : x, joined ? last_y : y, x, y, mark);
    before = t;
    last_x = x;
    last_y = y;
  }
}

/// The times under the drawing: at both ends, and in the middle where there is room.
std::string time_axis(const PlotOptions& options, std::size_t width) {
  const bool with_day = options.end - options.start >= 86'400'000;
  const std::string left = time_text(options.start, with_day),
                    right = time_text(options.end, with_day) + " UTC";
  const std::string middle = time_text(options.start + (options.end - options.start) / 2, with_day);
  std::string axis(std::max(width, left.size() + right.size() + 1), ' ');
  axis.replace(0, left.size(), left);
  axis.replace(axis.size() - right.size(), right.size(), right);
  const std::size_t at = (axis.size() - middle.size()) / 2;
  if (at > left.size() + 1 && at + middle.size() + 1 < axis.size() - right.size()) {
    axis.replace(at, middle.size(), middle);
  }
  return axis;
}

std::string legend(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  Table table({"SERIES", "MIN", "MEAN", "MAX", "LAST"});
  const std::size_t shown = std::min(lines.size(), kMostInLegend);
  for (std::size_t i = 0; i < shown; ++i) {
    double low = std::numeric_limits<double>::infinity(), high = -low, mean = 0, count = 0;
    for (const auto& [t, value] : lines[i].points) {
      if (std::isnan(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
      mean += (value - mean) / ++count;
    }
    const auto number = [count](double value) { return count > 0 ? short_number(value) : "-"; };
    const double last = lines[i].points.empty() ? std::nan("") : lines[i].points.back().second;
    table.add({lines[i].name, number(low), number(mean), number(high), short_number(last)});
  }
  std::string text;
  const std::string rows = table.to_string();
  std::string_view rest = rows, row;
  for (std::size_t i = 0; next_line(rest, row); ++i) {
    std::string mark = "  ";
    if (i > 0 && options.utf8) mark = options.colour ? PlotCanvas::coloured(i - 1, "\u2588 ") : "\u2588 ";
    if (i > 0 && !options.utf8) mark = {PlotCanvas::letter(i - 1), ' '};
    text += mark + std::string(row) + '\n';
  }
  if (shown < lines.size()) text += fmt::format("  and {} more\n", lines.size() - shown);
  return text;
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr std::array<const char*, 7> kUnits{"", " k", " M", " G", " T", " P", " E"};
  double scaled = value;
  std::size_t unit = 0;
  while (std::abs(scaled) >= (unit == 0 ? 9999.5 : 999.95)) {
    if (++unit == kUnits.size()) return fmt::format("{:.4g}", value);
    scaled /= 1000;
  }
  return fmt::format("{:.4g}{}", scaled, kUnits[unit]);
}

std::string plot(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  const std::size_t rows = std::max<std::size_t>(options.rows, 2);
  const auto scale = Scale::of(lines, rows);
  if (!scale) return "nothing to draw: no value is finite\n" + legend(lines, options);
  const std::vector<std::string> labels = value_labels(*scale, rows);
  std::size_t margin = 0;
  for (const std::string& label : labels) margin = std::max(margin, label.size());
  const std::size_t width = std::max(kFewestColumns, options.columns - std::min(options.columns, margin + 3));

  PlotCanvas canvas(width, rows, options.utf8);
  for (std::size_t i = 0; i < lines.size(); ++i) draw(lines[i], i, *scale, options, canvas);
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    const bool tick = !labels[row].empty();
    const char* edge = options.utf8 ? (tick ? "\u2524" : "\u2502") : (tick ? "+" : "|");
    text += fmt::format("{:>{}} {}", labels[row], margin, edge) + canvas.row(row, options.colour) + '\n';
  }
  text += std::string(margin + 1, ' ') + (options.utf8 ? "\u2514" : "+");
  for (std::size_t i = 0; i < width; ++i) text += options.utf8 ? "\u2500" : "-";
  text += '\n' + std::string(margin + 2, ' ') + time_axis(options, width) + "\n\n";
  return text + legend(lines, options);
}

}  // namespace chiron::agent
