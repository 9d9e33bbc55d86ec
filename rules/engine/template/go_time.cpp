#include "rules/engine/template/go_time.h"

#include <array>
#include <chrono>
#include <limits>

#include <fmt/format.h>

namespace chiron::rules::tmpl {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

constexpr std::size_t kAbbreviation = 3;

/// ".5" of 500 million nanoseconds: `digits` of them, or as many as are needed.
std::string fraction(std::int64_t nanoseconds, std::size_t digits, bool trim) {
  std::string text = fmt::format("{:09}", nanoseconds).substr(0, digits);
  if (trim) text.erase(text.find_last_not_of('0') + 1);
  return text;
}

/// A piece of a layout and what it is replaced with. Longer ones stand before those that they begin with.
struct LayoutPiece {
  std::string_view text;
  std::string (*make)(const Civil& at);
};

std::string two(int value) { return fmt::format("{:02}", value); }
int twelve(int hour) { return hour % 12 == 0 ? 12 : hour % 12; }

constexpr LayoutPiece kPieces[] = {
    {"January", [](const Civil& at) { return std::string(month_name(at.month)); }},
    {"Jan", [](const Civil& at) { return std::string(month_name(at.month).substr(0, kAbbreviation)); }},
    {"Monday", [](const Civil& at) { return std::string(weekday_name(at.weekday)); }},
    {"Mon", [](const Civil& at) { return std::string(weekday_name(at.weekday).substr(0, kAbbreviation)); }},
    {"MST", [](const Civil&) { return std::string("UTC"); }},
    {"2006", [](const Civil& at) { return fmt::format("{:04}", at.year); }},
    {"__2", [](const Civil& at) { return fmt::format("{:3}", at.year_day); }},
    {"002", [](const Civil& at) { return fmt::format("{:03}", at.year_day); }},
    {"-07:00:00", [](const Civil&) { return std::string("+00:00:00"); }},
    {"-070000", [](const Civil&) { return std::string("+000000"); }},
    {"-07:00", [](const Civil&) { return std::string("+00:00"); }},
    {"-0700", [](const Civil&) { return std::string("+0000"); }},
    {"-07", [](const Civil&) { return std::string("+00"); }},
    {"Z07:00:00", [](const Civil&) { return std::string("Z"); }},
    {"Z070000", [](const Civil&) { return std::string("Z"); }},
    {"Z07:00", [](const Civil&) { return std::string("Z"); }},
    {"Z0700", [](const Civil&) { return std::string("Z"); }},
    {"Z07", [](const Civil&) { return std::string("Z"); }},
    {"01", [](const Civil& at) { return two(at.month); }},
    {"02", [](const Civil& at) { return two(at.day); }},
    {"03", [](const Civil& at) { return two(twelve(at.hour)); }},
    {"04", [](const Civil& at) { return two(at.minute); }},
    {"05", [](const Civil& at) { return two(at.second); }},
    {"06", [](const Civil& at) { return two(static_cast<int>(at.year % 100)); }},
    {"15", [](const Civil& at) { return two(at.hour); }},
    {"_2006", [](const Civil& at) { return fmt::format("_{:04}", at.year); }},
    {"_2", [](const Civil& at) { return fmt::format("{:2}", at.day); }},
    {"1", [](const Civil& at) { return fmt::format("{}", at.month); }},
    {"2", [](const Civil& at) { return fmt::format("{}", at.day); }},
    {"3", [](const Civil& at) { return fmt::format("{}", twelve(at.hour)); }},
    {"4", [](const Civil& at) { return fmt::format("{}", at.minute); }},
    {"5", [](const Civil& at) { return fmt::format("{}", at.second); }},
    {"PM", [](const Civil& at) { return std::string(at.hour >= 12 ? "PM" : "AM"); }},
    {"pm", [](const Civil& at) { return std::string(at.hour >= 12 ? "pm" : "am"); }},
};

/// ".000" or ",999" and no digit after it: fractions of the second. 0 when this is none.
std::size_t fraction_digits(std::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',')) return 0;
  if (layout[1] != '0' && layout[1] != '9') return 0;
  const std::size_t end = std::min(layout.find_first_not_of(layout[1], 1), layout.size());
  const bool digit_after = end < layout.size() && layout[end] >= '0' && layout[end] <= '9';
  return digit_after ? 0 : end - 1;
}

const LayoutPiece* piece_at(std::string_view layout) {
  for (const LayoutPiece& piece : kPieces) {
    if (!layout.starts_with(piece.text)) continue;
    // "Janet" and "Month" are words of their own.
    const char after = layout.size() > piece.text.size() ? layout[piece.text.size()] : ' ';
    if ((piece.text == "Jan" || piece.text == "Mon") && after >= 'a' && after <= 'z') return nullptr;
    return &piece;
  }
  return nullptr;
}

}  // namespace

std::string_view month_name(std::int64_t month) {
  return month >= 1 && month <= 12 ? kMonths[static_cast<std::size_t>(month - 1)] : "%!Month";
}
std::string_view weekday_name(std::int64_t weekday) {
  return weekday >= 0 && weekday <= 6 ? kWeekdays[static_cast<std::size_t>(weekday)] : "%!Weekday";
}

std::string duration_text(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  const bool negative = nanoseconds < 0;
  const auto bits = static_cast<std::uint64_t>(nanoseconds);
  const std::uint64_t all = negative ? ~bits + 1 : bits;
  const std::string sign = negative ? "-" : "";
  const auto decimal = [](std::uint64_t value, std::uint64_t unit, std::size_t digits) {
    std::string text = fmt::format("{:0{}}", value % unit, digits);
    text.erase(text.find_last_not_of('0') + 1);
    return text.empty() ? fmt::format("{}", value / unit) : fmt::format("{}.{}", value / unit, text);
  };
  if (all < static_cast<std::uint64_t>(kMicrosecond)) return fmt::format("{}{}ns", sign, all);
  if (all < static_cast<std::uint64_t>(kMillisecond)) return sign + decimal(all, kMicrosecond, 3) + "µs";
  if (all < static_cast<std::uint64_t>(kSecond)) return sign + decimal(all, kMillisecond, 6) + "ms";
  std::string out = sign;
  const std::uint64_t hours = all / kHour, minutes = all / kMinute % 60;
  if (hours > 0) out += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) out += fmt::format("{}m", minutes);
  return out + decimal(all % kMinute, kSecond, 9) + "s";
}

Civil civil(Instant time) {
  using std::chrono::floor, std::chrono::days;
  const std::chrono::sys_time<std::chrono::nanoseconds> at{std::chrono::nanoseconds(time.nanoseconds)};
  const std::chrono::sys_days day = floor<days>(at);
  const std::chrono::year_month_day date(day);
  // Not `at - day`: that is in nanoseconds since the epoch, where the first day of the range does not fit.
  std::int64_t rest = time.nanoseconds % kDay;
  if (rest < 0) rest += kDay;
  Civil out;
  out.year = static_cast<int>(date.year());
  out.month = static_cast<int>(static_cast<unsigned>(date.month()));
  out.day = static_cast<int>(static_cast<unsigned>(date.day()));
  out.hour = static_cast<int>(rest / kHour);
  out.minute = static_cast<int>(rest / kMinute % 60);
  out.second = static_cast<int>(rest / kSecond % 60);
  out.nanosecond = rest % kSecond;
  out.weekday = static_cast<int>(std::chrono::weekday(day).c_encoding());
  const std::chrono::sys_days first = date.year() / std::chrono::January / 1;
  out.year_day = static_cast<int>((day - first).count()) + 1;
  return out;
}

std::string time_text(Instant time) { return format_time(time, "2006-01-02 15:04:05.999999999 -0700 MST"); }

std::string format_time(Instant time, std::string_view layout) {
  const Civil at = civil(time);
  std::string out;
  while (!layout.empty()) {
    if (const std::size_t digits = fraction_digits(layout); digits > 0) {
      const bool trim = layout[1] == '9';
      const std::string text = fraction(at.nanosecond, digits, trim);
      if (!text.empty()) out += layout[0] + text;
      layout.remove_prefix(digits + 1);
      continue;
    }
    const LayoutPiece* piece = piece_at(layout);
    if (piece == nullptr) {
      out += layout[0];
      layout.remove_prefix(1);
      continue;
    }
    out += piece->make(at);
    layout.remove_prefix(piece->text.size());
  }
  return out;
}

}  // namespace chiron::rules::tmpl
