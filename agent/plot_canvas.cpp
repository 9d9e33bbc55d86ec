#include "agent/plot_canvas.h"

#include <cstdlib>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

/// Bits of the dots of a Braille pattern, by column and row (Unicode, "Braille Patterns").
constexpr std::uint8_t kDots[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

std::string pattern(std::uint8_t dots) {
  // U+2800 + dots as UTF-8.
  return {'\xE2', static_cast<char>(0xA0 | dots >> 6), static_cast<char>(0x80 | (dots & 0x3F))};
}

}  // namespace

char PlotCanvas::letter(std::size_t mark) { return static_cast<char>('a' + mark % 26); }

std::string PlotCanvas::coloured(std::size_t mark, const std::string& text) {
  // Green, yellow, cyan, magenta, blue, red: red last, which looks like an alarm.
  constexpr int kColours[] = {32, 33, 36, 35, 34, 31};
  return fmt::format("\x1b[{}m{}\x1b[0m", kColours[mark % std::size(kColours)], text);
}

void PlotCanvas::dot(long x, long y, std::size_t mark) {
  if (x < 0 || y < 0 || x >= width() || y >= height()) return;
  const auto ux = static_cast<std::size_t>(x), uy = static_cast<std::size_t>(y);
  Cell& cell = cells_[(braille_ ? uy / 4 : uy) * columns_ + (braille_ ? ux / 2 : ux)];
  cell.dots |= braille_ ? kDots[ux % 2][uy % 4] : 1;
  cell.mark = mark;
}

void PlotCanvas::line(long x0, long y0, long x1, long y1, std::size_t mark) {
  // Bresenham's algorithm.
  const long dx = std::labs(x1 - x0), dy = -std::labs(y1 - y0);
  const long sx = x0 < x1 ? 1 : -1, sy = y0 < y1 ? 1 : -1;
  for (long error = dx + dy;;) {
    dot(x0, y0, mark);
    if (x0 == x1 && y0 == y1) return;
    const long twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x0 += sx;
    }
    if (twice <= dx) {
      error += dx;
      y0 += sy;
    }
  }
}

std::string PlotCanvas::row(std::size_t row, bool colour) const {
  std::size_t end = columns_;
  while (end > 0 && cells_[row * columns_ + end - 1].dots == 0) --end;
  std::string text;
  for (std::size_t column = 0; column < end; ++column) {
    const Cell& cell = cells_[row * columns_ + column];
    if (cell.dots == 0) {
      text += ' ';
      continue;
    }
    const std::string drawn = braille_ ? pattern(cell.dots) : std::string(1, letter(cell.mark));
    text += colour ? coloured(cell.mark, drawn) : drawn;
  }
  return text;
}

}  // namespace chiron::agent
