#include "remediation/engine/cron.h"

#include "exporter/base/diagnostics.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

using std::chrono::days;
using std::chrono::local_days;

// 29 February on a given day of the week comes after 40 years at the latest (there is none in 2100).
constexpr days kRarest{41 * 366};

struct Field {
  std::string_view name;
  unsigned least, most;
  std::span<const std::string_view> words;  ///< for least, least + 1, ...
};
constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<Field, 5> kFields{{{"minute", 0, 59, {}},
                                        {"hour", 0, 23, {}},
                                        {"day of month", 1, 31, {}},
                                        {"month", 1, 12, kMonths},
                                        {"day of week", 0, 7, kWeekdays}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNamed{{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

bool has(std::uint64_t set, unsigned value) { return (set >> value & 1) != 0; }

}  // namespace

/// Reads the fields of one text; the first fault ends it.
struct CronExpression::Reader {
  std::string_view text;
  CronFault& fault;

  bool fail(std::string_view where, std::string message, std::string hint) {
    fault = {static_cast<std::size_t>(where.data() - text.data()), where.size(), std::move(message),
             std::move(hint)};
    return false;
  }

  bool value(std::string_view one, const Field& field, unsigned& out) {
    const std::string word = to_lower(one);
    for (unsigned i = 0; i < field.words.size(); ++i) {
      if (word == field.words[i]) {
        out = field.least + i;
        return true;
      }
    }
    const std::optional<unsigned> number = parse_int<unsigned>(one);
    if (number && *number >= field.least && *number <= field.most) {
      out = *number;
      return true;
    }
    std::string range = fmt::format("{} to {}", field.least, field.most);
    if (!field.words.empty()) range += fmt::format(", or {}", fmt::join(field.words, " "));
    return fail(one, fmt::format("\"{}\" is no {}", one, field.name), "write " + range);
  }

  bool element(std::string_view one, const Field& field, std::uint64_t& out) {
    const std::size_t slash = one.find('/');
    const std::string_view range = one.substr(0, slash);
    unsigned first = field.least, last = field.most, step = 1;
    const std::size_t dash = range.find('-');
    if (range != "*") {
      if (!value(range.substr(0, dash), field, first)) return false;
      last = first;
      if (dash != std::string_view::npos) {
        const std::string_view end = range.substr(dash + 1);
        if (!value(end, field, last)) return false;
        // "fri-sun": Sunday is 7 where a range ends with it.
        if (last == 0 && first > 0 && field.most == 7) last = 7;
        if (last < first) {
          return fail(range, fmt::format("the range {} ends before it begins", range),
                      fmt::format("write {}-{},{}-{}", range.substr(0, dash), field.most, field.least, end));
        }
      }
    }
    if (slash != std::string_view::npos) {
      const std::string_view by = one.substr(slash + 1);
      const std::optional<unsigned> number = parse_int<unsigned>(by);
      if (!number || *number == 0 || *number > field.most) {
        return fail(one, fmt::format("\"{}\" is no step of the {}", by, field.name),
                    fmt::format("a step is a number from 1 to {}", field.most));
      }
      if (range != "*" && dash == std::string_view::npos) {
        return fail(one, "a step needs a range or *", fmt::format("write {}-{}/{}", range, field.most, by));
      }
      step = *number;
    }
    for (unsigned at = first; at <= last; at += step) out |= std::uint64_t{1} << at;
    return true;
  }

  bool set(std::string_view whole, const Field& field, std::uint64_t& out) {
    for (std::string_view rest = whole; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view one = rest.substr(0, comma);
      if (one.empty() || comma == rest.size() - 1) {
        return fail(whole, fmt::format("an element of the list {} is empty", whole), "take the comma away");
      }
      if (!element(one, field, out)) return false;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return true;
  }
};

std::optional<CronExpression> CronExpression::parse(std::string_view text, CronFault& fault) {
  Reader reader{text, fault};
  const std::string_view trimmed = trim(text);
  const std::string_view expression = trimmed.empty() ? text : trimmed;
  if (expression.starts_with('@')) {
    std::vector<std::string_view> known;
    const std::string wanted = to_lower(expression);
    for (const auto& [name, meaning] : kNamed) {
      if (name != wanted) {
        known.push_back(name);
        continue;
      }
      std::optional<CronExpression> out = parse(meaning, fault);
      out->text_ = name;
      return out;
    }
    const std::string near = closest(wanted, known);
    std::string hint = near.empty() ? fmt::format("there are: {}", fmt::join(known, " "))
                                    : fmt::format("did you mean {}?", near);
    if (wanted == "@reboot") hint = "a schedule goes by the clock; every: 1h first runs 1h after the start";
    reader.fail(expression, fmt::format("there is no {}", expression), std::move(hint));
    return std::nullopt;
  }
  std::vector<std::string_view> words;
  std::string_view rest = expression, word;
  while (next_word(rest, word)) words.push_back(word);
  if (words.size() != kFields.size()) {
    reader.fail(expression, fmt::format("a cron expression has 5 fields, this has {}", words.size()),
                words.size() == 6
                    ? "there are no seconds, and no user: minute hour day-of-month month day-of-week"
                    : "minute hour day-of-month month day-of-week, like 0 3 * * *");
    return std::nullopt;
  }
  std::array<std::uint64_t, kFields.size()> sets{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (!reader.set(words[i], kFields[i], sets[i])) return std::nullopt;
  }
  CronExpression out;
  out.text_ = fmt::format("{}", fmt::join(words, " "));
  out.minutes_ = sets[0];
  out.hours_ = static_cast<std::uint32_t>(sets[1]);
  out.days_ = static_cast<std::uint32_t>(sets[2]);
  out.months_ = static_cast<std::uint32_t>(sets[3]);
  out.weekdays_ = static_cast<std::uint32_t>(sets[4] | (has(sets[4], 7) ? 1 : 0));
  out.either_day_ = !words[2].starts_with('*') && !words[4].starts_with('*');
  if (!out.next_within({}, TimeZone(), kRarest)) {
    reader.fail(words[2], "this day never comes", "February has 29 days at most, and four months have 30");
    return std::nullopt;
  }
  return out;
}

bool CronExpression::matches_day(local_days day) const {
  const std::chrono::year_month_day date(day);
  if (!has(months_, static_cast<unsigned>(date.month()))) return false;
  const bool of_month = has(days_, static_cast<unsigned>(date.day()));
  const bool of_week = has(weekdays_, std::chrono::weekday(day).c_encoding());
  return either_day_ ? of_month || of_week : of_month && of_week;
}

bool CronExpression::every_hour() const { return hours_ == (1U << 24) - 1; }

WallTime CronExpression::next(WallTime after, const TimeZone& zone) const {
  return next_within(after, zone, kRarest).value_or(WallTime::max());
}

std::optional<WallTime> CronExpression::next_within(WallTime after, const TimeZone& zone, days span) const {
  if (every_hour()) return next_shown(after, zone, after + span);
  const local_days today = std::chrono::floor<days>(zone.to_local(after));
  // From the day before: where clocks were put back over midnight, its last hour is still to come.
  for (local_days day = today - days(1); day <= today + span; day += days(1)) {
    if (!matches_day(day)) continue;
    for (unsigned hour = 0; hour < 24; ++hour) {
      if (!has(hours_, hour)) continue;
      for (unsigned minute = 0; minute < 60; ++minute) {
        if (!has(minutes_, minute)) continue;
        const LocalTime local = day + std::chrono::hours(hour) + std::chrono::minutes(minute);
        // `first` is the moment of the change for a time that was skipped.
        if (const WallTime at = zone.to_instants(local).first; at > after) return at;
      }
    }
  }
  return std::nullopt;
}

std::optional<WallTime> CronExpression::next_shown(WallTime after, const TimeZone& zone, WallTime end) const {
  WallTime at = std::chrono::floor<std::chrono::seconds>(after);
  at += std::chrono::minutes(1) - zone.to_local(at).time_since_epoch() % std::chrono::minutes(1);
  while (at <= end) {
    const LocalTime local = zone.to_local(at);
    const local_days day = std::chrono::floor<days>(local);
    if (matches_day(day)) {
      const auto minute = std::chrono::floor<std::chrono::minutes>(local - day).count() % 60;
      if (has(minutes_, static_cast<unsigned>(minute))) return at;
      at += std::chrono::minutes(1);
    } else {
      // A midnight that comes twice may have passed once.
      at = std::max(at + std::chrono::minutes(1), zone.to_instants(day + days(1)).first);
    }
  }
  return std::nullopt;
}

}  // namespace chiron::remediation
