#include "agent/table.h"

#include <fmt/format.h>

namespace chiron::agent {
namespace {

/// Columns that a UTF-8 text takes, counting each character as one.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  // A line break in a name would end the row.
  for (std::string& cell : row) {
    std::replace_if(
        cell.begin(), cell.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  }
  rows_.push_back(std::move(row));
}

std::string Table::to_string() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text;
}

std::string human_duration(double seconds) {
  if (seconds < 0) return "0 s";
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  const auto two = [](std::uint64_t major, const char* unit, std::uint64_t minor, const char* small) {
    return minor == 0 ? fmt::format("{} {}", major, unit)
                      : fmt::format("{} {} {} {}", major, unit, minor, small);
  };
  if (whole < 3600) return two(whole / 60, "m", whole % 60, "s");
  if (whole < 86'400) return two(whole / 3600, "h", whole % 3600 / 60, "m");
  return two(whole / 86'400, "d", whole % 86'400 / 3600, "h");
}

std::string human_percent(double ratio) { return fmt::format("{:.1f} %", ratio * 100); }

}  // namespace chiron::agent
