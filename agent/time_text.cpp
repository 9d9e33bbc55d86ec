#include "agent/time_text.h"

#include "exporter/base/parse.h"

namespace chiron::agent {
namespace {

/// Takes `digits` digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const std::string_view number = text.substr(0, digits);
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  text.remove_prefix(digits);
  return parse_int<int>(number);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// NN:NN
std::optional<std::chrono::minutes> take_hours_minutes(std::string_view& text) {
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::milliseconds> take_seconds(std::string_view& text) {
  const auto seconds = take_number(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;  // Go knows no leap second
  std::chrono::milliseconds total = std::chrono::seconds(*seconds);
  if (!take(text, ".,")) return total;
  int digits = 0;
  for (int unit = 100; !text.empty() && text.front() >= '0' && text.front() <= '9'; unit /= 10, ++digits) {
    total += std::chrono::milliseconds((text.front() - '0') * unit);
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return total;
}

std::optional<TimestampMs> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !take(text, "T")) return std::nullopt;
  const auto hours_minutes = take_hours_minutes(text);
  if (!hours_minutes || !take(text, ":")) return std::nullopt;
  const auto seconds = take_seconds(text);
  if (!seconds || text.empty()) return std::nullopt;
  std::chrono::minutes zone{0};
  if (!take(text, "Z")) {
    const bool east = text.front() == '+';
    if (!take(text, "+-")) return std::nullopt;
    const auto offset = take_hours_minutes(text);
    if (!offset) return std::nullopt;
    zone = east ? *offset : -*offset;
  }
  if (!text.empty()) return std::nullopt;
  const std::chrono::sys_time<std::chrono::milliseconds> time = *date + *hours_minutes + *seconds - zone;
  return time.time_since_epoch().count();
}

/// The fraction counts to the millisecond, rounded for itself (parseTime of web/api/v1/api.go): 1.0005 is 1.
TimestampMs from_seconds(double seconds) {
  constexpr double kFarthest = kLatest / 1000;
  if (!(seconds > -kFarthest)) return kEarliest;
  if (seconds >= kFarthest) return kLatest;
  double whole = 0;
  const double fraction = std::modf(seconds, &whole);
  const auto nanoseconds = static_cast<std::int64_t>(std::round(fraction * 1000) / 1000 * 1e9);
  using std::chrono::floor, std::chrono::milliseconds;
  return static_cast<TimestampMs>(whole) * 1000 +
         floor<milliseconds>(std::chrono::nanoseconds(nanoseconds)).count();
}

}  // namespace

std::optional<TimestampMs> parse_time(std::string_view text) {
  const auto seconds = parse_double(text);
  return seconds ? from_seconds(*seconds) : parse_rfc3339(text);
}

}  // namespace chiron::agent
