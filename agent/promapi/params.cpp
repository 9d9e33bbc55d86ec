#include "agent/promapi/params.h"

#include "agent/time_text.h"
#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/selector_parser.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

/// What Go's time formats as its earliest and latest moment; clients send it for "from the beginning".
constexpr std::string_view kMinTime = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kMaxTime = "292277025-08-18T07:12:54.999999999Z";

std::optional<TimestampMs> read_time(std::string_view text) {
  if (text == kMinTime) return kEarliest;
  if (text == kMaxTime) return kLatest;
  return parse_time(text);
}

std::string not_a_time(std::string_view text) {
  return fmt::format("cannot parse {} to a valid timestamp", quoted(text));
}

}  // namespace

Error invalid_parameter(std::string_view name, std::string_view why) {
  return Error(ErrorCode::invalid_argument, fmt::format("invalid parameter \"{}\": {}", name, why));
}

Error parse_fault(std::string_view text, const std::vector<promql::ParseError>& faults) {
  const promql::ParseError& fault = faults.front();
  std::string where = "unknown position";
  if (!text.empty()) {
    const promql::TextPosition at = promql::position_in(text, fault.range.begin);
    where = fmt::format("{}:{}", at.line, at.column);
  }
  return Error(ErrorCode::invalid_argument, fmt::format("{}: parse error: {}", where, fault.message));
}

Result<std::vector<Matcher>> read_selector(std::string_view text) {
  promql::ParsedMatchers parsed = promql::parse_matchers(text);
  if (!parsed.errors.empty()) return parse_fault(text, parsed.errors);
  return std::move(parsed.matchers);
}

Result<Duration> read_duration(std::string_view text) {
  const auto fault = [&](std::string_view why) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("cannot parse {} to a valid duration{}", quoted(text), why));
  };
  if (const auto seconds = parse_double(text)) {
    const double nanoseconds = *seconds * 1e9;
    if (std::isnan(nanoseconds)) return Duration::min();  // Go's conversion to an integer
    if (!(std::abs(nanoseconds) < static_cast<double>(Duration::max().count())))
      return fault(". It overflows int64");
    return Duration(static_cast<Duration::rep>(nanoseconds));
  }
  const auto duration = parse_duration(text);
  if (!duration.ok()) return fault("");
  return *duration;
}

Result<std::int64_t> read_integer(std::string_view go_function, std::string_view text, std::int64_t most) {
  const auto fault = [&](std::string_view why) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("strconv.{}: parsing {}: {}", go_function, quoted(text), why));
  };
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == '+' || digits.front() == '-')) digits.remove_prefix(1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return fault("invalid syntax");
  const auto size = parse_int<std::int64_t>(digits);
  if (!size || *size > most) return fault("value out of range");
  return text.front() == '-' ? -*size : *size;
}

std::string_view Params::get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

bool Params::has(std::string_view name) const { return !get(name).empty(); }

std::vector<std::string_view> Params::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Result<TimestampMs> Params::time(std::string_view name) const {
  const auto time = read_time(get(name));
  if (!time) return invalid_parameter(name, not_a_time(get(name)));
  return *time;
}

Result<TimestampMs> Params::time_or(std::string_view name, TimestampMs fallback) const {
  if (!has(name)) return fallback;
  const auto time = read_time(get(name));
  if (!time)
    return invalid_parameter(name,
                             fmt::format("invalid time value for '{}': {}", name, not_a_time(get(name))));
  return *time;
}

Result<Duration> Params::duration(std::string_view name) const {
  const auto duration = read_duration(get(name));
  if (!duration.ok()) return invalid_parameter(name, duration.error().message());
  return *duration;
}

Result<std::size_t> Params::limit(std::string_view name) const {
  if (!has(name)) return std::size_t{0};
  const auto value = read_integer("Atoi", get(name), std::numeric_limits<std::int64_t>::max());
  if (!value.ok()) return invalid_parameter(name, value.error().message());
  if (*value < 0) return invalid_parameter(name, "limit must be non-negative");
  return static_cast<std::size_t>(*value);
}

Result<std::optional<long>> Params::count(std::string_view name) const {
  if (!has(name)) return std::optional<long>();
  const auto value = read_integer("Atoi", get(name), std::numeric_limits<long>::max());
  if (!value.ok()) return Error(ErrorCode::invalid_argument, fmt::format("{} must be a number", name));
  return std::optional<long>(*value);
}

Result<std::vector<std::vector<Matcher>>> Params::selectors() const {
  std::vector<std::vector<Matcher>> selectors;
  for (const std::string_view text : all("match[]")) {
    auto matchers = read_selector(text);
    if (!matchers.ok()) return std::move(matchers).error();
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

Result<std::vector<std::vector<Matcher>>> Params::narrow_selectors() const {
  auto all = selectors();
  if (!all.ok()) return all;
  const auto narrows = [](const Matcher& matcher) { return !matcher.matches_empty(); };
  for (const std::vector<Matcher>& matchers : *all) {
    if (std::none_of(matchers.begin(), matchers.end(), narrows)) {
      return Error(ErrorCode::invalid_argument, "match[] must contain at least one non-empty matcher");
    }
  }
  return all;
}

}  // namespace chiron::agent::promapi
