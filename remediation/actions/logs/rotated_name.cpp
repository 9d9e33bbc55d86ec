#include "remediation/actions/logs/rotated_name.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// The length of a date at the front: 20260131 or 2026-01-31; 0 when there is none.
std::size_t date_length(std::string_view text) {
  const auto digits = [&](std::size_t from, std::size_t count) {
    return text.size() >= from + count && std::ranges::all_of(text.substr(from, count), is_digit);
  };
  if (!digits(0, 4) || (text[0] != '1' && text[0] != '2')) return 0;
  const bool dashes = text.size() > 4 && text[4] == '-';
  const std::size_t month = dashes ? 5 : 4, day = dashes ? 8 : 6;
  if (!digits(month, 2) || !digits(day, 2) || (dashes && text[7] != '-')) return 0;
  const int m = (text[month] - '0') * 10 + text[month + 1] - '0',
            d = (text[day] - '0') * 10 + text[day + 1] - '0';
  return m >= 1 && m <= 12 && d >= 1 && d <= 31 ? day + 2 : 0;
}

/// "x.log-20260131T053500Z" is "x.log", "x-2026-01-31.log" is "x.log".
std::optional<std::string> without_date(std::string_view name) {
  for (std::size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] != '-' && name[i] != '.' && name[i] != '_') continue;
    std::size_t length = date_length(name.substr(i + 1));
    if (length == 0) continue;
    std::string_view rest = name.substr(i + 1 + length);
    const std::size_t time = rest.find_first_not_of("0123456789TZ-");
    if (!rest.empty() && is_digit(rest.front())) continue;  // a longer number, not a date
    rest = time == std::string_view::npos ? std::string_view() : rest.substr(time);
    if (rest.empty() || rest.front() == '.') return fmt::format("{}{}", name.substr(0, i), rest);
  }
  return std::nullopt;
}

}  // namespace

std::optional<RotatedName> parse_rotated_name(std::string_view name) {
  RotatedName rotated;
  for (const std::string_view ending : {".gz", ".xz", ".zst", ".bz2"}) {
    if (name.size() <= ending.size() || !name.ends_with(ending)) continue;
    name.remove_suffix(ending.size());
    rotated.compressed = true;
    break;
  }
  const std::size_t dot = name.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  const bool number = !last.empty() && last.size() <= 3 && std::ranges::all_of(last, is_digit);
  if (dot != std::string_view::npos && dot > 0 && (number || last == "old")) {
    rotated.log = name.substr(0, dot);
  } else if (std::optional<std::string> log = without_date(name)) {
    rotated.log = *std::move(log);
  } else if (rotated.compressed) {
    rotated.log = name;
  } else {
    return std::nullopt;
  }
  return rotated;
}

std::string rotated_as(std::string_view log, WallTime now) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{}-{:04}{:02}{:02}T{:02}{:02}{:02}Z", log, parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace chiron::remediation
