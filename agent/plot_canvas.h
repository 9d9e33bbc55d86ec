#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chiron::agent {

/// A grid of terminal cells to draw dots into: 2 x 4 of them a cell with Braille patterns (U+2800), else one.
class PlotCanvas {
 public:
  PlotCanvas(std::size_t columns, std::size_t rows, bool braille)
      : columns_(columns), rows_(rows), braille_(braille), cells_(columns * rows) {}

  long width() const { return static_cast<long>(columns_ * (braille_ ? 2 : 1)); }
  long height() const { return static_cast<long>(rows_ * (braille_ ? 4 : 1)); }

  /// A straight line between dots, from the top left; what is outside is cut off. `mark` stands for the line.
  void line(long x0, long y0, long x1, long y1, std::size_t mark);
  /// A row of cells; with `colour` between escape sequences. Blanks at the end are left out.
  std::string row(std::size_t row, bool colour) const;

  /// How a line is told apart: a letter, or a colour's sequence.
  static char letter(std::size_t mark);
  static std::string coloured(std::size_t mark, const std::string& text);

 private:
  struct Cell {
    std::uint8_t dots = 0;
    std::size_t mark = 0;
  };
  void dot(long x, long y, std::size_t mark);

  const std::size_t columns_, rows_;
  const bool braille_;
  std::vector<Cell> cells_;
};

}  // namespace chiron::agent
