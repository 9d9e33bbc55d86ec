#include "remediation/engine/window_keys.h"

#include "exporter/base/parse.h"
#include "remediation/engine/zone_key.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

using std::chrono::minutes;

constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr minutes kDay = std::chrono::hours(24);

std::optional<std::size_t> day_named(std::string_view text) {
  const auto found = std::ranges::find(kDays, to_lower(text));
  if (found == kDays.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kDays.begin());
}

/// "mon", or "fri-mon", which is a range over the end of the week.
void read_days(yaml::Reader& reader, const yaml::Node& node, std::string_view text, std::bitset<7>& out) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  const std::string_view begin = trim(text.substr(0, dash));
  const std::string_view end = dash < text.size() ? trim(text.substr(dash + 1)) : begin;
  const std::optional<std::size_t> first = day_named(begin), last = day_named(end);
  if (!first || !last) {
    const std::string_view unknown = first ? end : begin;
    const std::string near = closest(to_lower(unknown.substr(0, 3)), {kDays.begin(), kDays.end()});
    std::string hint = fmt::format("the days are {}; a range is like mon-fri", fmt::join(kDays, " "));
    if (!near.empty()) hint = fmt::format("did you mean {}?", near);
    if (text.find(',') != std::string_view::npos) hint = "several are a list: [mon-wed, sat]";
    reader.fail_at(node, "bad-days", fmt::format("\"{}\" is no day of the week", unknown), std::move(hint));
    return;
  }
  for (std::size_t day = *first;; day = (day + 1) % 7) {
    out.set(day);
    if (day == *last) return;
  }
}

/// "8:00", "08:00", up to 24:00.
std::optional<minutes> parse_time(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon > 2 || text.size() != colon + 3) return std::nullopt;
  const std::optional<unsigned> hour = parse_int<unsigned>(text.substr(0, colon));
  const std::optional<unsigned> minute = parse_int<unsigned>(text.substr(colon + 1));
  if (!hour || !minute || *minute > 59) return std::nullopt;
  const minutes of_day = std::chrono::hours(*hour) + minutes(*minute);
  return of_day <= kDay ? std::optional(of_day) : std::nullopt;
}

std::optional<minutes> read_time(yaml::Reader& reader, std::string_view key, minutes latest) {
  const std::optional<std::string> text = reader.string(key);
  if (!text) return std::nullopt;
  const std::optional<minutes> of_day = parse_time(*text);
  if (of_day && *of_day <= latest) return of_day;
  reader.fail(
      key, "bad-time",
      fmt::format("\"{}\" is no time at which a window {}", *text, key == "from" ? "opens" : "closes"),
      fmt::format("write it like '08:00', from 00:00 to {:02}:{:02}", latest.count() / 60,
                  latest.count() % 60));
  return std::nullopt;
}

WindowSpec read_window(yaml::Reader reader) {
  WindowSpec out;
  if (const std::optional<std::vector<std::string>> texts = reader.strings("days")) {
    out.days.reset();
    const yaml::Node node = reader.node("days");
    for (std::size_t i = 0; i < texts->size(); ++i) {
      read_days(reader, node.is_sequence() ? node.items()[i] : node, (*texts)[i], out.days);
    }
    if (texts->empty())
      reader.fail("days", "missing-value", "on no day it never opens", "write [mon-fri, sun]");
  }
  const std::optional<minutes> from = read_time(reader, "from", kDay - minutes(1));
  const std::optional<minutes> to = read_time(reader, "to", kDay);
  out.from = from.value_or(out.from);
  out.to = to.value_or(out.to);
  if (from && to && *from == *to) {
    reader.fail("to", "contradiction", "the window closes when it opens",
                "leave from and to out for whole days; midnight at the end of a day is '24:00'");
  }
  out.zone = read_zone(reader, "from");
  reader.finish();
  return out;
}

}  // namespace

std::optional<std::vector<WindowSpec>> read_windows(yaml::Reader& policy) {
  const yaml::Node node = policy.node("window");
  if (!node) return std::nullopt;
  std::vector<WindowSpec> out;
  if (!node.is_sequence()) {
    out.push_back(read_window(policy.mapping("window")));
    return out;
  }
  for (const yaml::Node& item : node.items()) {
    out.push_back(read_window(policy.child(item, fmt::format("window {}", out.size() + 1))));
  }
  if (out.empty()) {
    policy.fail("window", "missing-value", "without a window it would never act",
                "for any time write {days: mon-sun}");
  }
  return out;
}

}  // namespace chiron::remediation
