#include "remediation/policy/window.h"

#include "remediation/policy/judges.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

using std::chrono::days;
using std::chrono::local_days;

constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
// One day of the week, whose window a change of the clocks may swallow once.
constexpr days kFurthest{15};

struct Stretch {
  WallTime opens, closes;
};

Stretch stretch_of(const WindowSpec& window, local_days day) {
  const local_days end = window.to > window.from ? day : day + days(1);
  return {window.zone.to_instants(day + window.from).first, window.zone.to_instants(end + window.to).first};
}

/// "mon-wed,sat": the week begins on Monday.
std::string days_text(const std::bitset<7>& set) {
  if (set.all()) return "daily";
  const auto opens = [&set](std::size_t place) { return place < 7 && set.test((place + 1) % 7); };
  std::string text;
  for (std::size_t first = 0; first < 7; ++first) {
    if (!opens(first)) continue;
    std::size_t last = first;
    while (opens(last + 1)) ++last;
    text += text.empty() ? "" : ",";
    text += kDays[(first + 1) % 7];
    if (last > first) fmt::format_to(std::back_inserter(text), "-{}", kDays[(last + 1) % 7]);
    first = last;
  }
  return text;
}

std::string time_text(std::chrono::minutes of_day) {
  return fmt::format("{:02}:{:02}", of_day.count() / 60, of_day.count() % 60);
}

}  // namespace

std::string to_string(const WindowSpec& window) {
  return fmt::format("{} {}-{} ({})", days_text(window.days), time_text(window.from), time_text(window.to),
                     window.zone.name());
}

std::optional<WallTime> closed_until(std::span<const WindowSpec> windows, WallTime now) {
  if (windows.empty()) return std::nullopt;
  WallTime next = now + kFurthest;
  for (const WindowSpec& window : windows) {
    const local_days today = std::chrono::floor<days>(window.zone.to_local(now));
    // From the day before, whose window may be open over midnight.
    for (local_days day = today - days(1); day <= today + kFurthest; day += days(1)) {
      if (!window.days.test(std::chrono::weekday(day).c_encoding())) continue;
      const Stretch stretch = stretch_of(window, day);
      if (stretch.closes <= std::max(now, stretch.opens)) continue;
      if (stretch.opens <= now) return std::nullopt;
      next = std::min(next, stretch.opens);
      break;
    }
  }
  return next;
}

std::optional<Decision> judge_window(const Case& now) {
  const std::optional<WallTime> until = closed_until(now.spec.windows, now.now);
  if (!until) return std::nullopt;
  std::string all;
  for (const WindowSpec& window : now.spec.windows) all += (all.empty() ? "" : ", ") + to_string(window);
  const Duration left = *until - now.now;
  return Decision{Suppression::window,
                  fmt::format("it acts {} only; opens again at {}", all, clock_time(now.now, left)), left};
}

}  // namespace chiron::remediation
